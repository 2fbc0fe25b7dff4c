from __future__ import annotations

import asyncio

from probes.esl import esl
from tests.probes.peers import line_peer

STATUS = (
    "UP 0 years, 0 days, 1 hour\n"
    "FreeSWITCH (Version 1.10.12) is ready\n"
    "9 session(s) since startup\n3 session(s) - peak 5, last 5min 3\n"
)


def socket(status: str = STATUS, greeting: bytes = b"Content-Type: auth/request\n\n"):  # type: ignore[no-untyped-def]
    """The event socket as its documentation describes it; no FreeSWITCH was at hand."""

    async def speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while True:
            words = (await reader.readuntil(b"\n\n")).decode().split()
            if words[0] == "auth":
                text = "+OK accepted" if words[1] == "ClueCon" else "-ERR invalid"
                writer.write(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())
            elif words == ["api", "status"]:
                writer.write(b"Content-Length: 3\nContent-Type: text/event-plain\n\nabc")
                head = f"Content-Type: api/response\nContent-Length: {len(status)}\n\n"
                writer.write(head.encode() + status.encode())
            else:
                return

    return speaks


async def test_it_logs_in_asks_and_logs_out() -> None:
    async with line_peer(socket()) as port:
        result = await esl("127.8.41.2", port, password="ClueCon")
        assert (result.good, result.details) == (True, {"sessions": 3})
        wrong = await esl("127.8.41.2", port, password="wrong")
        assert (wrong.good, wrong.text) == (False, "not let in: -ERR invalid")


async def test_what_is_not_well() -> None:
    async with line_peer(socket(STATUS.replace("is ready", "is shutting down"))) as port:
        result = await esl("127.8.41.2", port, password="ClueCon")
        assert (result.good, result.text) == (False, "up, but not ready")
    rude = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
    async with line_peer(socket(greeting=rude)) as port:
        result = await esl("127.8.41.2", port, password="ClueCon")
        assert "access list" in result.text
    async with line_peer(socket(greeting=b"220 mail\n\n")) as port:
        assert (await esl("127.8.41.2", port, password="ClueCon")).good is False
