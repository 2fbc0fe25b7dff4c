"""A light caller over TCP or TLS: INVITE, ACK at the 200, BYE at once, on a few connections.

``python -m bench.light tcp|tls HOST PORT RATE COUNT`` prints JSON.  SIPp of Debian has no TLS, and
costs more than what it measures over streams.  It checks nothing but status, Call-ID and CSeq, and
trusts every certificate: what it calls is a benchmark.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from typing import Any, cast

from bench.wire import line, percentile

#: Connections over which the calls are spread: phones on a TLS listener have one each, but what
#: is to be measured is calls, not handshakes.
CONNECTIONS = 20
#: Seconds that a call may take, and that a connection may take to come up.
PATIENCE, CONNECT = 10.0, 10.0
LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE)
SDP = (
    b"v=0\r\no=light 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Calls:
    """All calls of a run; knows no socket."""

    def __init__(self, transport: str, domain: str) -> None:
        self.scheme, self.via = transport, transport.upper().encode()
        self.domain = domain.encode()
        self.begun: dict[bytes, float] = {}
        self.set_up: list[float] = []
        self.done = self.refused = 0

    def invite(self, number: int, own: bytes, now: float) -> bytes:
        """A new call."""
        call = b"light-%d" % number
        self.begun[call] = now
        head = b"INVITE sip:600@%b SIP/2.0\r\n" % self.domain
        more = b"Contact: <sip:1001@%b;transport=%b>\r\n" % (own, self.scheme.encode())
        more += b"Content-Type: application/sdp\r\n"
        to = b"<sip:600@%b>" % self.domain
        return self._request(head, call, own, to, b"1 INVITE", more, SDP)

    def _request(
        self, head: bytes, call: bytes, own: bytes, to: bytes, cseq: bytes, more: bytes, body: bytes
    ) -> bytes:
        return (
            b"%bVia: SIP/2.0/%b %b;branch=z9hG4bK%b%b;rport\r\nMax-Forwards: 70\r\n"
            b"From: <sip:1001@%b>;tag=%b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %b\r\n%b"
            b"Content-Length: %d\r\n\r\n%b"
        ) % (
            *(head, self.via, own, call, cseq.replace(b" ", b""), self.domain, call, to, call),
            *(cseq, more, len(body), body),
        )

    def heard(self, message: bytes, own: bytes, now: float) -> bytes:
        """What to say to an answer; nothing to a provisional one or a request."""
        if not message.startswith(b"SIP/2.0 ") or message[8:9] == b"1":
            return b""
        call, cseq = line(message, b"\r\nCall-ID:"), line(message, b"\r\nCSeq:")
        if call not in self.begun:
            return b""
        if cseq == b"2 BYE":
            del self.begun[call]
            self.done += message.startswith(b"SIP/2.0 200")
            return b""
        if message[8:11] != b"200":
            del self.begun[call]
            self.refused += 1
            return b""
        self.set_up.append(now - self.begun[call])
        target = line(message, b"\r\nContact:").partition(b"<")[2].partition(b">")[0]
        to = line(message, b"\r\nTo:")
        recorded = re.findall(rb"\r\nRecord-Route: *([^\r]+)", message)
        routes = [route.strip() for value in recorded for route in value.split(b",")]
        more = b"".join(b"Route: %b\r\n" % route for route in reversed(routes))
        said = b""
        for method, number in ((b"ACK", 1), (b"BYE", 2)):
            head = b"%b %b SIP/2.0\r\n" % (method, target)
            said += self._request(head, call, own, to, b"%d %b" % (number, method), more, b"")
        return said


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.data = b""
        self.own = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to send."""
        self.transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self.own = b"%b:%d" % (host.encode(), port)

    def data_received(self, data: bytes) -> None:
        """Answer every whole message."""
        self.data += data
        messages, self.data = cut(self.data)
        said = [self.calls.heard(one, self.own, time.monotonic()) for one in messages]
        if answer := b"".join(said):
            self.transport.write(answer)


def cut(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages of a stream, and what is left."""
    found = []
    data = data.lstrip(b"\r\n")
    while (end := data.find(b"\r\n\r\n")) >= 0:
        length = LENGTH.search(data, 0, end + 2)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(data) < size:
            break
        found.append(data[:size])
        data = data[size:].lstrip(b"\r\n")
    return found, data


async def run(transport: str, host: str, port: int, rate: float, count: int) -> dict[str, Any]:
    """Call."""
    loop = asyncio.get_running_loop()
    calls = Calls(transport, "example.com")
    context = None
    if transport == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    lines = []
    for _ in range(CONNECTIONS):
        connecting = loop.create_connection(lambda: Line(calls), host, port, ssl=context)
        _, protocol = await asyncio.wait_for(connecting, CONNECT)
        lines.append(protocol)
    begun = time.monotonic()
    for number in range(count):
        if (ahead := begun + number / rate - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        one = lines[number % len(lines)]
        one.transport.write(calls.invite(number, one.own, time.monotonic()))
    ends = time.monotonic() + PATIENCE
    while calls.begun and time.monotonic() < ends:  # noqa: ASYNC110 - Calls knows no loop
        await asyncio.sleep(0.05)
    for one in lines:
        one.transport.close()
    ordered = sorted(calls.set_up)
    return {
        "failed": count - calls.done,
        "refused": calls.refused,
        "set_up": {str(share): percentile(ordered, share) for share in (0.5, 0.99)},
    }


def main(words: list[str]) -> None:
    """Run on uvloop where there is one."""
    transport, host, port, rate, count = words
    coroutine = run(transport, host, int(port), float(rate), int(count))
    try:
        import uvloop
    except ImportError:
        found = asyncio.run(coroutine)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(coroutine)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
