"""Agents together: every packaged scenario against its counterpart, on the real SIPp."""

from __future__ import annotations

import asyncio

import pytest

from probes.sipp import Result, SippError, SippFailed, client, scenario, server

pytestmark = pytest.mark.usefixtures("sipp")

PAIRS = [
    ("uac", "uas"),
    ("uac", "uas_early"),
    ("uac_late", "uas"),
    ("uac_hold", "uas"),
    ("uac_rtp", "uas"),
    ("uac_cancel", "uas_ringing"),
    ("uac_wait", "uas_bye"),
    ("uac_refused", "uas_busy"),
    ("trunk_uac", "uas"),
]


@pytest.mark.parametrize(("calling", "called"), PAIRS)
async def test_the_scenarios_fit_together(calling: str, called: str) -> None:
    uas, uac = await scenario(
        server(srcaddr="127.8.20.1", scen_name=called, ring=40, linger=100, pause_duration=50),
        client(srcaddr="127.8.20.2", scen_name=calling, pause_duration=50),
        call_count=2,
        rate=20,
    ).run()
    assert (both(uas), both(uac)) == ((2, 0), (2, 0))


@pytest.mark.parametrize("called", ["uas", "uas_early", "uas_bye"])
async def test_over_tcp(called: str) -> None:
    calling = "uac_wait" if called == "uas_bye" else "uac"
    uas, uac = await scenario(
        server(srcaddr="127.8.21.1", scen_name=called, ring=40, transport="tcp"),
        client(srcaddr="127.8.21.2", scen_name=calling, call_count=2, rate=20, transport="tcp"),
    ).run()
    assert (both(uas), both(uac)) == ((2, 0), (2, 0))


async def test_the_defaults_pair_up() -> None:
    uas, uac = await scenario().run()
    assert (both(uas), both(uac)) == ((1, 0), (1, 0))


async def test_ipv6() -> None:
    uas, uac = await scenario(server(srcaddr="::1", linger=50), client(srcaddr="::1")).run()
    assert (both(uas), both(uac)) == ((1, 0), (1, 0))


async def test_options_are_answered_by_a_server() -> None:
    _, asked = await scenario(
        server(srcaddr="127.8.22.1"), client(srcaddr="127.8.22.2", scen_name="options")
    ).run()
    assert both(asked) == (1, 0)


async def test_a_proxy_gets_the_packets_and_the_target_stays() -> None:
    async with server(srcaddr="127.8.23.1", linger=50).start() as there:
        agent = client(srcaddr="127.8.23.2", destaddr="127.8.23.99", proxyaddr=there.address)
        result = await agent.run()
    assert both(result) == (1, 0)


async def test_a_failure_raises_with_all_results() -> None:
    with pytest.raises(SippFailed) as caught:
        await scenario(
            server(srcaddr="127.8.24.1", scen_name="uas_busy"),
            client(srcaddr="127.8.24.2"),
        ).run()
    _, uac = caught.value.results
    assert both(uac) == (0, 1)
    assert uac.stats is not None
    assert uac.stats.unexpected == 1


async def test_without_a_client_it_would_never_end() -> None:
    with pytest.raises(SippError, match="never ends"):
        await scenario(server()).run()


class Asking(asyncio.DatagramProtocol):
    """A peer that asks for credentials, twice with the same words, and takes any, or none."""

    def __init__(self, takes: bool) -> None:
        self.takes = takes

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        fields = dict(
            line.split(b": ", 1) for line in data.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        )
        method = data.split(b" ", 1)[0]
        if method == b"ACK":
            return
        if method == b"BYE" or (b"Authorization" in fields and self.takes):
            answers = [b"100 Trying", b"200 OK"]
        else:
            answers = [b"401 Unauthorized"] * 2
        same = b"".join(
            b"%b: %b\r\n" % (name, fields[name]) for name in (b"Via", b"From", b"Call-ID", b"CSeq")
        )
        to = fields[b"To"] if b"tag=" in fields[b"To"] else fields[b"To"] + b";tag=asking"
        for answer in answers:
            self.transport.sendto(
                b"SIP/2.0 %b\r\n%bTo: %b\r\nContact: <sip:%b:%d>\r\n"
                b'WWW-Authenticate: Digest realm="test", nonce="n", algorithm=MD5, qop="auth"\r\n'
                b"Content-Length: 0\r\n\r\n" % (answer, same, to, *self.here()),
                addr,
            )

    def here(self) -> tuple[bytes, int]:
        host, port = self.transport.get_extra_info("sockname")
        return host.encode(), port


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("calling", ["register", "uac_auth"])
async def test_credentials_are_given_once(calling: str, takes: bool) -> None:
    """The challenge comes twice, as it does when the answer to the first one was slow."""
    peer, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Asking(takes), local_addr=("127.8.25.1", 0)
    )
    host, port = protocol.here()
    try:
        result = await client(
            srcaddr="127.8.25.2",
            destaddr=(host.decode(), port),
            scen_name=calling,
            auth_username="1000",
            auth_password="a",
            users=(("1000", "a"), ("1001", "b")) if calling == "register" else (),
            call_count=2,
            rate=20,
            timeout=10,
        ).run()
    finally:
        peer.close()
    assert both(result) == ((2, 0) if takes else (0, 2)), result


def both(result: Result) -> tuple[int, int]:
    assert result.stats is not None
    return result.stats.successful, result.stats.failed
