"""How a probe sends one request and hears its answer: a protocol, and plain ways.

A probe is handed an :class:`Exchange` and does not care whose it is: the front gives one that
sends from its own inside address, the command line takes :func:`udp`, :func:`tcp` or :func:`tls`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

#: RFC 3261 17.1.2.2: T1 and T2, the first and the longest pause between two sends over UDP.
T1 = 0.5
T2 = 4.0
#: Octets of one answer over a stream; an answer to OPTIONS has some 600.
LONGEST = 65_536

#: Says whether these octets are the final answer that is waited for.
Match = Callable[[bytes], bool]


class NoAnswerError(Exception):
    """The base: nobody answered.  ``kind`` is a stable word, the text is for people."""

    kind = "silent"

    def __init__(self, text: str, sends: int = 0) -> None:
        super().__init__(text)
        self.sends = sends


class SilentError(NoAnswerError):
    """Nothing came back in time."""


class RefusedError(NoAnswerError):
    """The host is there, and nobody listens: an ICMP error or a reset."""

    kind = "refused"


class UnreachableError(NoAnswerError):
    """It could not be sent at all: no such name, no route."""

    kind = "unreachable"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, and how often it took asking."""

    data: bytes
    sends: int


class Exchange(Protocol):
    """One request out, its final answer in."""

    @property
    def transport(self) -> str:
        """As Via writes it: UDP, TCP."""

    @property
    def local(self) -> tuple[str, int]:
        """Where answers arrive."""

    async def ask(self, request: bytes, match: Match, timeout: float) -> Heard:
        """Send, repeat where the transport needs it, return what ``match`` accepts.

        Raises a :class:`NoAnswerError`.
        """

    def send(self, data: bytes) -> None:
        """Send once (an ACK, an answer)."""

    async def receive(self) -> bytes:
        """Whatever comes next; raises a :class:`NoAnswerError` when nothing can come any more."""


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self.heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self.heard.put_nowait(exc)


class _Udp:
    transport = "UDP"

    def __init__(self, socket: asyncio.DatagramTransport, datagrams: _Datagrams) -> None:
        self._socket = socket
        self._datagrams = datagrams
        host, port = socket.get_extra_info("sockname")[:2]
        self.local: tuple[str, int] = (host, port)
        self._sends = 0

    async def ask(self, request: bytes, match: Match, timeout: float) -> Heard:
        self._sends = 0
        sender = asyncio.create_task(self._send(request))
        try:
            async with asyncio.timeout(timeout):
                while True:
                    heard = await self._datagrams.heard.get()
                    if isinstance(heard, OSError):
                        raise RefusedError(f"refused: {heard.strerror}", self._sends)
                    if match(heard):
                        return Heard(heard, self._sends)
        except TimeoutError:
            raise SilentError(f"no answer within {timeout:.3g} s", self._sends) from None
        finally:
            sender.cancel()

    def send(self, data: bytes) -> None:
        self._socket.sendto(data)

    async def receive(self) -> bytes:
        heard = await self._datagrams.heard.get()
        if isinstance(heard, OSError):
            raise RefusedError(f"refused: {heard.strerror}")
        return heard

    async def _send(self, request: bytes) -> None:
        pause = T1
        while True:
            self._sends += 1
            self._socket.sendto(request)
            await asyncio.sleep(pause)
            pause = min(2 * pause, T2)


class _Stream:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: str
    ) -> None:
        self.transport = transport
        self._reader = reader
        self._writer = writer
        host, port = writer.get_extra_info("sockname")[:2]
        self.local: tuple[str, int] = (host, port)

    async def ask(self, request: bytes, match: Match, timeout: float) -> Heard:
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(request)
                await self._writer.drain()
                while True:
                    heard = await self._message()
                    if match(heard):
                        return Heard(heard, 1)
        except TimeoutError:
            raise SilentError(f"no answer within {timeout:.3g} s", 1) from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise RefusedError(f"connection lost: {error}", 1) from None

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def receive(self) -> bytes:
        try:
            return await self._message()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise RefusedError(f"connection lost: {error}") from None

    async def _message(self) -> bytes:
        """One message, framed by its Content-Length (RFC 3261 18.3)."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).lstrip(b"\r\n")
        if not head:
            return b""
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"content-length", b"l") and value.strip().isdigit():
                length = min(int(value), LONGEST)
        return head + await self._reader.readexactly(length)


@contextlib.asynccontextmanager
async def udp(host: str, port: int, local: str | None = None) -> AsyncIterator[Exchange]:
    """A connected UDP socket: only that is told when nobody listens there."""
    try:
        socket, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
            _Datagrams, remote_addr=(host, port), local_addr=(local, 0) if local else None
        )
    except OSError as error:
        raise UnreachableError(f"cannot send to {host} port {port}: {error}") from None
    try:
        yield _Udp(socket, datagrams)
    finally:
        socket.close()


@contextlib.asynccontextmanager
async def tcp(
    host: str, port: int, local: str | None = None, timeout: float = 5.0
) -> AsyncIterator[Exchange]:
    """A connection of our own for this one question."""
    async with _connected("TCP", host, port, local, timeout, None) as own:
        yield own


@contextlib.asynccontextmanager
async def tls(
    host: str,
    port: int,
    local: str | None = None,
    timeout: float = 5.0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Exchange]:
    """The same over TLS; without a ``context`` the system's authorities must know the peer."""
    made = context or await asyncio.to_thread(ssl.create_default_context)
    async with _connected("TLS", host, port, local, timeout, made) as own:
        yield own


@contextlib.asynccontextmanager
async def _connected(
    transport: str,
    host: str,
    port: int,
    local: str | None,
    timeout: float,
    context: ssl.SSLContext | None,
) -> AsyncIterator[Exchange]:
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(
                host,
                port,
                local_addr=(local, 0) if local else None,
                limit=LONGEST,
                ssl=context,
            )
    except TimeoutError:
        raise SilentError(f"no connection to {host} port {port} within {timeout:.3g} s") from None
    except ConnectionRefusedError:
        raise RefusedError(f"refused: {host} port {port}") from None
    except ssl.SSLError as error:
        raise RefusedError(f"no TLS with {host} port {port}: {error.reason or error}") from None
    except OSError as error:
        raise UnreachableError(f"cannot connect to {host} port {port}: {error}") from None
    try:
        yield _Stream(reader, writer, transport)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
