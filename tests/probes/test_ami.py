from __future__ import annotations

import asyncio
import hashlib

import pytest

from probes.ami import ami
from tests.probes.peers import line_peer


async def manager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """AMI as Asterisk speaks it, an event in between."""
    writer.write(b"Asterisk Call Manager/9.0.0\r\n")
    while True:
        block = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines())
        head = f"ActionID: {fields['ActionID']}\r\n"
        if fields["Action"] == "Challenge":
            text = f"Response: Success\r\n{head}Challenge: 123\r\n\r\n"
        elif fields["Action"] == "Login":
            key = hashlib.md5(b"123secret").hexdigest()
            good = fields["Key"] == key and fields["Username"] == "probe"
            word = "Success" if good else "Error"
            text = f"Response: {word}\r\n{head}Message: Authentication {word}\r\n\r\n"
        elif fields["Action"] == "CoreStatus":
            text = "Event: FullyBooted\r\nStatus: x\r\n\r\n"
            text += f"Response: Success\r\n{head}CoreCurrentCalls: 7\r\n\r\n"
        else:
            return
        writer.write(text.encode())


async def test_it_logs_in_asks_and_logs_out() -> None:
    async with line_peer(manager) as port:
        result = await ami("127.8.41.2", port, user="probe", password="secret")
        assert (result.good, result.details) == (True, {"calls": 7})
        wrong = await ami("127.8.41.2", port, user="probe", password="wrong")
        assert (wrong.good, wrong.text) == (False, "Login: Authentication Error")


@pytest.mark.parametrize("greeting", [b"SSH-2.0\r\n", b"", b"x" * 70_000])
async def test_something_else(greeting: bytes) -> None:
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)

    async with line_peer(other) as port:
        result = await ami("127.8.41.2", port, user="probe", password="secret", timeout=1)
    assert result.good is False


async def test_a_manager_that_hangs() -> None:
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        await reader.read()

    async with line_peer(hangs) as port:
        result = await ami("127.8.41.2", port, user="probe", password="secret", timeout=0.1)
    assert (result.good, result.text) == (False, "no answer within 0.1 s")
