from __future__ import annotations

import asyncio

from probes.tcp import tcp
from tests.probes.peers import line_peer


async def test_somebody_listens_and_then_nobody() -> None:
    async def speaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")

    async with line_peer(speaks) as port:
        assert (await tcp("127.8.41.2", port, local="127.8.41.3")).good
    gone = await tcp("127.8.41.2", port)
    assert (gone.good, gone.text) == (False, "refused: nobody listens there")
    ours = await tcp("127.8.41.2", port, local="192.0.2.7")
    assert ours.good is None
