"""A real failover explains itself, outlives the front, and decides again to the same answer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.lab.conftest import Pair, Phones
from tests.lab.front import ROOT, Front
from tests.lab.scenes import over


async def command(front: Front, *words: str, code: int = 0) -> str:
    """Run ``sipfront WORDS`` against the front; what it prints."""
    where = ["--url", front.admin, "--token-file", str(front.folder / "token")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sipfront",
        *words,
        *([] if words[0] == "replay" else where),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == code, out.decode()
    return out.decode()


async def test_a_real_failover_is_explained_and_replayed(
    pair: Pair, phones: Phones, tmp_path: Path
) -> None:
    one = await phones.registered("1001")
    front = phones.front
    assert "pbx-a is left for pbx-b" in await command(front, "explain", "--what-if", "pbx-a=down")
    pair.a.kill()
    call = await one.call("601")
    await call.confirmed()
    await over(call)
    await front.until_active("pbx-b")
    epoch = (await front.status())["epoch"]

    said = await command(front, "explain")
    print(said)
    assert f"epoch {epoch}, failover" in said
    assert "Rule: failover: a DOWN active is always left" in said
    assert said.count("  refused     node 0") >= 4
    assert "if pbx-a were up: pbx-a stays active" in said

    file = tmp_path / "failover.json"
    await command(front, "explain", str(epoch), "--save", str(file))
    again = await command(front, "replay", str(file))
    print(again)
    assert "the same answer" in again
    assert "ANOTHER answer" in await command(
        front, "replay", str(file), "--set", "refusals=99", "--set", "burst=40", code=1
    )

    # The node comes back and is a standby when it has settled; then the front itself dies.
    await pair.a.start()
    async with asyncio.timeout(20):
        while (await front.status())["redundant"] is not True:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.1)
    assert "standby again" in await command(front, "history")
    front.kill()
    await front.start()
    assert f"epoch {epoch}, failover" in await command(front, "explain", str(epoch))
    assert "pbx-a is left for pbx-b" in await command(front, "history")
    await command(front, "explain", str(epoch), "--save", str(file))
    assert "the same answer" in await command(front, "replay", str(file))

    # A frozen node, and another answer with other settings.
    pair.b.freeze()
    await front.until_active("pbx-a")
    await command(front, "explain", "--save", str(file))
    frozen = await command(front, "replay", str(file))
    print(frozen)
    assert "the same answer" in frozen
    assert "left" in frozen
    patient = await command(front, "replay", str(file), "--set", "patience=60", code=1)
    assert "no role changed" in patient
