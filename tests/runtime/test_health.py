"""Probes and hooks in a whole front: outcomes reach control, trouble is said, signalling goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sipfront.config.hooks import Hook, Hooks
from sipfront.config.model import Config
from sipfront.config.probes import Probe
from sipfront.control.actions import RunHook
from tests.runtime.support import address, pair, until
from tests.runtime.test_server import front, nodes


def asking(folder: Path, host: str, *probes: Probe, **hooks: Any) -> Config:
    change = {"probes": probes, "hooks": Hooks(**hooks)}
    return pair(folder, host).model_copy(update=change)


async def test_a_command_probe_through_the_helper(tmp_path: Path) -> None:
    host = address()
    words = ("sh", "-c", "[ $SIPFRONT_NODE = pbx-a ] && echo well || { echo ill; exit 2; }")
    probe = Probe(probe="command", name="own", command=words, interval=0.5, question="ready")
    async with nodes(host), front(asking(tmp_path, host, probe)) as server:
        await until(lambda: len(server.control.status()["probes"]) == 2)
        shown = {row["node"]: row for row in server.control.status()["probes"]}
        assert (shown["pbx-a"]["outcome"], shown["pbx-a"]["text"]) == ("good", "well")
        assert (shown["pbx-b"]["outcome"], shown["pbx-b"]["text"]) == ("bad", "ill")
        await until(lambda: not server.control.status()["redundant"], limit=10)
        names = {name for name, *_ in server.control.metrics()}
        assert "sipfront_probe_outcomes_total" in names
        assert server.control.status()["healthy"]
        assert server.health.errands.pid is not None


async def test_nothing_is_started_where_nothing_needs_it(tmp_path: Path) -> None:
    host = address()
    async with nodes(host), front(pair(tmp_path, host)) as server:
        await until(lambda: server.control.ready()[0])
        assert server.health.errands.pid is None
        assert server.control.status()["trouble"] == ""


async def test_a_hook_that_hangs_and_a_webhook_that_is_down(tmp_path: Path) -> None:
    """Signalling is not affected, and health says degraded until it works again."""
    host = address()
    hang = Hook(command=("sh", "-c", "sleep 60"), timeout=0.3, retries=0)
    down = Hook(url=f"http://{host}:9/", timeout=0.3, retries=0)
    config = asking(tmp_path, host, demote=hang, notify=down)
    async with nodes(host) as (a, _), front(config) as server:
        await until(lambda: server.control.status()["redundant"])
        a.close()
        await until(lambda: server.control.status()["active"] == "pbx-b")
        server.health.hooking.run(RunHook("demote", 0, 2, 900, "by hand"))
        server.health.hooking.run(RunHook("notify", 0, 2, 901, "by hand"))
        await until(lambda: len(server.health.hooking.failing) == 2)
        status = server.control.status()
        assert not status["healthy"]
        assert "the demote hook failed" in status["trouble"]
        assert server.control.ready()[0]
        assert "health_degraded" in [entry["event"] for entry in server.supervisor.events]


async def test_a_probe_that_hangs(tmp_path: Path) -> None:
    host = address()
    words = ("sh", "-c", "sleep 60")
    probe = Probe(probe="command", command=words, interval=0.5, timeout=0.2, required=False)
    async with nodes(host), front(asking(tmp_path, host, probe)) as server:
        # On a machine that is busy the helper's own end of it may come too late a few times.
        said = ("bad", "did not end within 0.2 s")
        await until(
            lambda: (
                said in [(row["outcome"], row["text"]) for row in server.control.status()["probes"]]
            ),
            limit=30,
        )
        assert server.control.ready()[0]
