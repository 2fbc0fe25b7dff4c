"""Light nodes: they grant a REGISTER, answer a call at once and take its BYE, answer OPTIONS.

``python -m bench.answerer PORT ADDRESS...``.  It keeps nothing, so that what is measured is what
stands before it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

from sipfront.sip import headers as h
from sipfront.sip.errors import SipError
from sipfront.sip.message import scan
from sipfront.sip.reply import reply

#: Told to whom registers without a wish, seconds.
EXPIRES = b"3600"
SDP = (
    b"v=0\r\no=node 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


class Node(asyncio.DatagramProtocol):
    """One socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to send."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        host, port = self.transport.get_extra_info("sockname")[:2]
        self.contact = b"Contact: <sip:node@%b:%d>\r\n" % (host.encode(), port)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer."""
        for answer in answered(data, self.contact):
            self.transport.sendto(answer, addr)


def answered(data: bytes, own: bytes) -> list[bytes]:
    """The answers to a datagram, none to what is no request that is known here.

    ``own``: the Contact of who answers, a whole line.
    """
    try:
        message = scan(data)
    except SipError:
        return []
    if message.method == b"INVITE":
        recorded = [b"Record-Route: %b\r\n" % value for value in message.values(h.RECORD_ROUTE)]
        own = own + b"".join(recorded)
        offer = own + b"Content-Type: application/sdp\r\n"
        return [
            reply(message, 180, to_tag=b"bench", extra=own),
            reply(message, 200, to_tag=b"bench", extra=offer, body=SDP),
        ]
    if message.method not in (b"REGISTER", b"OPTIONS", b"BYE"):
        return []
    extra = b""
    if message.method == b"REGISTER":
        expires = message.value(h.EXPIRES) or EXPIRES
        for contact in message.values(h.CONTACT):
            plain = b"expires=" not in contact
            extra += b"Contact: %b%b\r\n" % (contact, b";expires=" + expires if plain else b"")
    return [reply(message, 200, to_tag=b"bench", extra=extra)]


async def serve(port: int, hosts: list[str]) -> None:
    """Answer for ever."""
    loop = asyncio.get_running_loop()
    for host in hosts:
        await loop.create_datagram_endpoint(Node, local_addr=(host, port))
    print("ready", flush=True)
    await asyncio.Event().wait()


def main(words: list[str]) -> None:
    """Run on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(int(words[0]), words[1:]))
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(int(words[0]), words[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
