"""Two light nodes for registrations: 200 to REGISTER with its Contact, 200 to OPTIONS.

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


class Node(asyncio.DatagramProtocol):
    """One socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to send."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer."""
        answer = answered(data)
        if answer:
            self.transport.sendto(answer, addr)


def answered(data: bytes) -> bytes:
    """The answer to a datagram; nothing to what is no request that is known here."""
    try:
        message = scan(data)
    except SipError:
        return b""
    if message.method not in (b"REGISTER", b"OPTIONS"):
        return b""
    extra = b""
    if message.method == b"REGISTER":
        expires = message.value(h.EXPIRES) or EXPIRES
        for contact in message.values(h.CONTACT):
            plain = b"expires=" not in contact
            extra += b"Contact: %b%b\r\n" % (contact, b";expires=" + expires if plain else b"")
    return reply(message, 200, to_tag=b"bench", extra=extra)


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
