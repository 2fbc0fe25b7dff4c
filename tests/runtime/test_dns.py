"""Names of trunks: SRV, A, AAAA, order, lifetimes, failures."""

from __future__ import annotations

import asyncio
import collections

import pytest

from sipfront.runtime.dns import (
    TTL_MAX,
    TTL_MIN,
    DnsSource,
    NotFound,
    Resolver,
    SrvRecord,
    Target,
    ordered,
)
from sipfront.stack.flows import Transport

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


class Zone:
    """Records in a table; an exception stands for a server that does not answer."""

    def __init__(self, **records: object) -> None:
        self.records = records
        self.asked: list[str] = []

    def _find(self, kind: str, name: str) -> object:
        self.asked.append(f"{kind} {name}")
        return self.records.get(f"{kind} {name}", ([], TTL_MIN))

    async def srv(self, name: str) -> tuple[list[SrvRecord], float]:
        found = self._find("SRV", name)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[return-value]

    async def addresses(self, name: str, version: int) -> tuple[list[str], float]:
        found = self._find("AAAA" if version == 6 else "A", name)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[return-value]


async def test_a_literal_is_never_asked() -> None:
    zone = Zone()
    answer = await Resolver(zone).resolve("203.0.113.5", None, None, (4,))
    assert answer.targets == (Target("203.0.113.5", 5060, UDP),)
    answer = await Resolver(zone).resolve("2001:db8::1", 5070, TLS, (6,))
    assert answer.targets == (Target("2001:db8::1", 5070, TLS),)
    assert zone.asked == []


async def test_a_port_means_addresses_only() -> None:
    zone = Zone(**{"A c.example": (["192.0.2.1", "192.0.2.2"], 300.0)})
    answer = await Resolver(zone).resolve("c.example", 5080, TCP, (4, 6))
    assert answer.targets == (Target("192.0.2.1", 5080, TCP), Target("192.0.2.2", 5080, TCP))
    assert answer.ttl == 300.0
    assert zone.asked == ["A c.example", "AAAA c.example"]


async def test_srv_in_order_of_priority_with_the_shortest_lifetime() -> None:
    records = [SrvRecord(20, 0, 5062, "b.example"), SrvRecord(10, 0, 5061, "a.example")]
    zone = Zone(
        **{
            "SRV _sip._tcp.c.example": (records, 900.0),
            "A a.example": (["192.0.2.1"], 60.0),
            "A b.example": (["192.0.2.2"], 600.0),
            "AAAA b.example": (["2001:db8::2"], 600.0),
        }
    )
    answer = await Resolver(zone).resolve("c.example", None, TCP, (4, 6))
    assert answer.targets == (
        Target("192.0.2.1", 5061, TCP),
        Target("192.0.2.2", 5062, TCP),
        Target("2001:db8::2", 5062, TCP),
    )
    assert answer.ttl == 60.0


async def test_without_a_transport_the_first_service_that_is_there() -> None:
    zone = Zone(
        **{
            "SRV _sips._tcp.c.example": ([SrvRecord(1, 1, 5061, "a.example")], 100.0),
            "A a.example": (["192.0.2.1"], 100.0),
        }
    )
    answer = await Resolver(zone).resolve("c.example", None, None, (4,))
    assert answer.targets == (Target("192.0.2.1", 5061, TLS),)
    assert zone.asked[:2] == ["SRV _sip._udp.c.example", "SRV _sip._tcp.c.example"]


async def test_no_srv_means_the_address_of_the_name() -> None:
    zone = Zone(**{"A c.example": (["192.0.2.1"], 5.0)})
    answer = await Resolver(zone).resolve("c.example", None, None, (4,))
    assert answer.targets == (Target("192.0.2.1", 5060, UDP),)
    assert answer.ttl == TTL_MIN


async def test_one_ip_version_that_fails_does_not_spoil_the_other() -> None:
    zone = Zone(**{"A c.example": (["192.0.2.1"], 9e9), "AAAA c.example": NotFound("no answer")})
    answer = await Resolver(zone).resolve("c.example", 5060, UDP, (4, 6))
    assert answer.targets == (Target("192.0.2.1", 5060, UDP),)
    assert answer.ttl == TTL_MAX
    with pytest.raises(NotFound, match="no answer"):
        await Resolver(Zone(**{"A c.example": NotFound("no answer")})).resolve(
            "c.example", 5060, UDP, (4,)
        )


async def test_nothing_at_all_is_said() -> None:
    with pytest.raises(NotFound, match=r"c\.example has no address"):
        await Resolver(Zone()).resolve("c.example", None, None, (4, 6))


def test_weights_share_and_zero_comes_last_but_not_never() -> None:
    records = [SrvRecord(1, 0, 1, "zero"), SrvRecord(1, 30, 2, "a"), SrvRecord(1, 70, 3, "b")]
    first = collections.Counter(
        ordered(records, lambda at=step / 1000: at)[0].target  # type: ignore[misc]
        for step in range(1000)
    )
    assert first["b"] > first["a"] > first["zero"] >= 1
    assert 250 < first["a"] < 350
    assert all(len(ordered(records)) == 3 for _ in range(10))
    assert ordered([SrvRecord(2, 9, 1, "late"), SrvRecord(1, 0, 1, "early")])[0].target == "early"


async def test_the_resolvers_of_the_machine_are_asked_with_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server on loopback, spoken to in real datagrams."""
    import dns.asyncresolver
    import dns.message
    import dns.rrset

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            name, kind = query.question[0].name, query.question[0].rdtype
            if kind == dns.rdatatype.SRV:
                answer.answer.append(
                    dns.rrset.from_text(name, 77, "IN", "SRV", "1 2 5099 host.example.")
                )
            elif kind == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(name, 99, "IN", "A", "192.0.2.9"))
            self.transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    source = DnsSource()
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    source._resolver = resolver
    answer = await Resolver(source).resolve("c.example", None, UDP, (4, 6))
    assert answer.targets == (Target("192.0.2.9", 5099, UDP),)
    assert answer.ttl == 77.0
    transport.close()
    monkeypatch.setattr("sipfront.runtime.dns.LIFETIME", 0.2)
    with pytest.raises(NotFound):
        await Resolver(source).resolve("c.example", None, UDP, (4,))
