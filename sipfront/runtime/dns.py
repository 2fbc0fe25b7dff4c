"""Where a trunk is: RFC 3263 section 4.2 with SRV, A and AAAA, without NAPTR.

A literal address needs no question.  A name with a port is looked up as an address; a name alone
is asked for SRV records of its transport (or of UDP, TCP and TLS in this order when the URI names
none), and then as an address.  Answers live as long as they say, between bounds; when DNS fails,
the last good answer stays in use.  NAPTR is left out: it would only choose the transport, which
the configuration says.
"""

from __future__ import annotations

import asyncio
import random
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

from sipfront.stack.flows import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: An answer is used at least so long (a zero TTL must not make us ask for every call) ...
TTL_MIN = 15.0
#: ... and at most so long (a carrier that moves is followed within the hour).
TTL_MAX = 3600.0
#: How soon a failed question is asked again.
RETRY = 20.0
#: One question, with its retries by the resolver.
LIFETIME = 5.0
#: Targets kept of one answer; more are never tried within the life of a transaction.
TARGETS = 16

_DEFAULT_PORT = {Transport.UDP: 5060, Transport.TCP: 5060, Transport.TLS: 5061}
_SERVICE = {
    Transport.UDP: "_sip._udp",
    Transport.TCP: "_sip._tcp",
    Transport.TLS: "_sips._tcp",
}


class Target(NamedTuple):
    """One place to try."""

    host: str
    port: int
    transport: Transport


class Answer(NamedTuple):
    """Targets in the order in which they are to be tried, and for how many seconds."""

    targets: tuple[Target, ...]
    ttl: float


class SrvRecord(NamedTuple):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: str


class NotFound(Exception):
    """No usable answer; the text says why."""


class Source(Protocol):
    """Where records come from; tests have one of their own."""

    async def srv(self, name: str) -> tuple[list[SrvRecord], float]:
        """SRV records and their TTL; an empty list when there are none.  Raises NotFound."""

    async def addresses(self, name: str, version: int) -> tuple[list[str], float]:
        """A (version 4) or AAAA (6) records and their TTL, as above."""


class DnsSource:
    """The resolvers of this machine, asked with dnspython."""

    def __init__(self) -> None:
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def srv(self, name: str) -> tuple[list[SrvRecord], float]:
        """SRV records of ``name``."""
        rows, ttl = await self._ask(name, "SRV")
        records = [
            SrvRecord(row.priority, row.weight, row.port, str(row.target).rstrip("."))  # type: ignore[attr-defined]
            for row in rows
        ]
        return records, ttl

    async def addresses(self, name: str, version: int) -> tuple[list[str], float]:
        """Addresses of ``name``."""
        rows, ttl = await self._ask(name, "AAAA" if version == 6 else "A")
        return [row.address for row in rows], ttl  # type: ignore[attr-defined]

    async def _ask(self, name: str, kind: str) -> tuple[list[object], float]:
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
            answer = await self._resolver.resolve(name, kind, lifetime=LIFETIME)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], TTL_MIN
        except (dns.exception.DNSException, OSError) as error:
            raise NotFound(f"{kind} {name}: {error}") from error
        return list(answer), float(answer.rrset.ttl if answer.rrset is not None else TTL_MIN)


def ordered(
    records: Iterable[SrvRecord], draw: Callable[[], float] = random.random
) -> list[SrvRecord]:
    """By priority; within one priority by weight and chance (RFC 2782)."""
    waiting = sorted(records, key=lambda r: (r.priority, r.weight > 0))
    result: list[SrvRecord] = []
    while waiting:
        same = [r for r in waiting if r.priority == waiting[0].priority]
        point = draw() * sum(r.weight for r in same)
        running = 0
        for record in same:
            running += record.weight
            if running >= point:
                break
        result.append(record)
        waiting.remove(record)
    return result


class Resolver:
    """Answers :meth:`resolve`, remembering the last good answer."""

    def __init__(
        self, source: Source | None = None, *, draw: Callable[[], float] = random.random
    ) -> None:
        self._source = source if source is not None else DnsSource()
        self._draw = draw

    async def resolve(
        self, host: str, port: int | None, transport: Transport | None, versions: tuple[int, ...]
    ) -> Answer:
        """Where ``host`` is.  ``transport`` None: the URI names none.  ``versions``: the IP versions
        that we have listeners of, the preferred one first.  Raises NotFound."""
        try:
            literal = str(ip_address(host))
        except ValueError:
            pass
        else:
            kind = transport if transport is not None else Transport.UDP
            return Answer((Target(literal, port or _DEFAULT_PORT[kind], kind),), TTL_MAX)
        if port is None:
            answer = await self._by_srv(host, transport, versions)
            if answer is not None:
                return answer
        kind = transport if transport is not None else Transport.UDP
        found, ttl = await self._addresses(host, versions)
        if not found:
            raise NotFound(f"{host} has no address")
        number = port or _DEFAULT_PORT[kind]
        return _answer([Target(address, number, kind) for address in found], ttl)

    async def _by_srv(
        self, host: str, transport: Transport | None, versions: tuple[int, ...]
    ) -> Answer | None:
        kinds = (transport,) if transport is not None else tuple(_SERVICE)
        for kind in kinds:
            records, ttl = await self._source.srv(f"{_SERVICE[kind]}.{host}")
            targets: list[Target] = []
            # A single record with the target "." says that the service is not there (RFC 2782).
            for record in ordered((r for r in records if r.target), self._draw):
                if len(targets) >= TARGETS:
                    break
                found, life = await self._addresses(record.target, versions)
                ttl = min(ttl, life)
                targets += [Target(address, record.port, kind) for address in found]
            if targets:
                return _answer(targets, ttl)
        return None

    async def _addresses(self, host: str, versions: tuple[int, ...]) -> tuple[list[str], float]:
        """The addresses of ``host``, all IP versions asked at once.  One that failed does not
        spoil the other."""
        answers = await asyncio.gather(
            *(self._source.addresses(host, version) for version in versions),
            return_exceptions=True,
        )
        found: list[str] = []
        ttl = TTL_MAX
        failed: BaseException | None = None
        for answer in answers:
            if isinstance(answer, BaseException):
                failed = answer
            elif answer[0]:
                found += answer[0]
                ttl = min(ttl, answer[1])
        if failed is not None and not found:
            raise failed
        return found, ttl


def _answer(targets: list[Target], ttl: float) -> Answer:
    unique = tuple(dict.fromkeys(targets))[:TARGETS]
    return Answer(unique, min(max(ttl, TTL_MIN), TTL_MAX))
