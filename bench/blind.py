"""The blind relay once more, on uvloop: what Python's sockets cost before any SIP is looked at.

``python -m bench.blind ADDRESS PORT INSIDE_PORT NODE NODE_PORT``, as the one in C.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast

BUFFER = 4 << 20


class Side(asyncio.DatagramProtocol):
    """One socket; what comes in goes out by the other one."""

    def __init__(self, target: tuple[str, int] | None) -> None:
        self.target = target  #: where the other side's datagrams go; None: whoever wrote last
        self.other: Side
        self.sendto: Any = None
        self.last: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to send."""
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.sendto = cast(asyncio.DatagramTransport, transport).sendto

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Pass it on."""
        self.last = addr
        other = self.other
        other.sendto(data, other.target or other.last)


async def serve(host: str, port: int, inside: int, node: str, node_port: int) -> None:
    """Relay for ever."""
    loop = asyncio.get_running_loop()
    _, a = await loop.create_datagram_endpoint(lambda: Side(None), local_addr=(host, port))
    _, b = await loop.create_datagram_endpoint(
        lambda: Side((node, node_port)), local_addr=(host, inside)
    )
    a.other, b.other = b, a
    print("ready", flush=True)
    await asyncio.Event().wait()


def main(words: list[str]) -> None:
    """Run on uvloop where there is one."""
    host, port, inside, node, node_port = words
    coroutine = serve(host, int(port), int(inside), node, int(node_port))
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(coroutine)


if __name__ == "__main__":
    main(sys.argv[1:])
