"""Does TLS work, and for how long?  One handshake, and the days until the certificate expires.

An expired or untrusted certificate is seen before the phones see it: the handshake is made without
checking, the certificate is judged afterwards, so that its date is told in either case.
"""

from __future__ import annotations

import asyncio
import calendar
import ssl
import time
from typing import TYPE_CHECKING

from probes.lines import connected
from probes.result import Bad, Result, judged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from probes.result import Detail

TIMEOUT = 3.0
#: Days before the end from which on the answer is bad: time to renew before a holiday is over.
DAYS = 14.0
DAY = 86_400.0


async def tls(
    host: str,
    port: int,
    *,
    name: str | None = None,
    authorities: Path | str | None = None,
    verify: bool = True,
    days: float = DAYS,
    local: str | None = None,
    timeout: float = TIMEOUT,
) -> Result:
    """Shake hands with ``host`` and ``port``.

    ``name``: what the certificate must be for (default: ``host``); ``authorities``: a PEM file
    instead of the system's; ``verify`` false: any certificate will do, only its date counts.
    """

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        return await _ask(host, port, name, authorities, verify, days, local)

    return await judged("tls", f"{host}:{port}", timeout, ask())


async def _ask(
    host: str,
    port: int,
    name: str | None,
    authorities: Path | str | None,
    verify: bool,
    days: float,
    local: str | None,
) -> tuple[str, Mapping[str, Detail]]:
    began = time.monotonic()
    # Reading the system's authorities takes 20 ms, in which nobody else would be served.
    context = await asyncio.to_thread(trust, authorities, verify)
    details: dict[str, Detail] = {}
    try:
        async with connected(host, port, local, context, name) as lines:
            session = lines.writer.get_extra_info("ssl_object")
            der = session.getpeercert(binary_form=True)
            details["version"] = session.version()
    except ssl.SSLCertVerificationError as error:
        raise Bad(f"the certificate is not good: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise Bad(f"no handshake: {error.reason or error}") from None
    if der is None:
        raise Bad("no certificate was shown")
    left = (expires(der) - time.time()) / DAY
    details |= {"handshake_s": round(time.monotonic() - began, 4), "days": round(left, 2)}
    if left <= 0:
        raise Bad(f"the certificate expired {-left:.1f} days ago", **details)
    if left < days:
        raise Bad(f"the certificate expires in {left:.1f} days", **details)
    return f"{details['version']}, {left:.0f} days left", details


def trust(authorities: Path | str | None, verify: bool) -> ssl.SSLContext:
    """How a peer's certificate is checked; blocks while the authorities are read."""
    context = ssl.create_default_context(cafile=authorities)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def expires(der: bytes) -> float:
    """When a certificate ends (``notAfter``, RFC 5280 4.1.2.5), in seconds since 1970.

    Read from the octets, because the standard library tells it of verified certificates only:
    Certificate > tbsCertificate > [0] version, serialNumber, signature, issuer, validity.
    """
    start, _ = _inside(der, 0)
    at, _ = _inside(der, start)
    if der[at] == 0xA0:  # version, when it is not 1
        at = _after(der, at)
    for _ in range(3):  # serialNumber, signature, issuer
        at = _after(der, at)
    at, _ = _inside(der, at)
    begin, end = _inside(der, _after(der, at))
    text = der[begin:end].decode("ascii")
    if der[_after(der, at)] == 0x17:  # UTCTime: two digits of the year, 50 to 49
        text = ("19" if text[:2] >= "50" else "20") + text
    return _seconds(text)


def _seconds(text: str) -> float:
    return float(calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ")))


def _inside(der: bytes, at: int) -> tuple[int, int]:
    """Where the value of the element at ``at`` begins and ends."""
    try:
        size, begin = der[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(der[begin : begin + count], "big")
            begin += count
    except IndexError:
        raise Bad("a certificate that cannot be read") from None
    if begin + size > len(der):
        raise Bad("a certificate that cannot be read")
    return begin, begin + size


def _after(der: bytes, at: int) -> int:
    return _inside(der, at)[1]
