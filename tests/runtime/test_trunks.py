"""Trunks: looked up, pushed, kept when DNS fails, dialled anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.config.trunks import Trunk
from sipfront.runtime import trunks as module
from sipfront.runtime.dns import Answer, NotFound, Resolver, Target
from sipfront.runtime.plan import NodePlan, Place, Plan
from sipfront.runtime.sockets import Sockets
from sipfront.runtime.trunks import Trunks
from sipfront.stack.flows import Flow, Transport
from tests.runtime.support import address, config, until

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


class Names(Resolver):
    """Answers from a table that a test changes."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[str, Answer] = {}
        self.asked = 0

    async def resolve(
        self, host: str, port: int | None, transport: Transport | None, versions: tuple[int, ...]
    ) -> Answer:
        self.asked += 1
        if host not in self.table:
            raise NotFound(f"{host} has no address")
        return self.table[host]


def sockets() -> Sockets:
    host = address()
    outside = tuple(Place(kind, host, 0, host, 0, inside=False) for kind in (UDP, TCP))
    inside = ((Place(UDP, host, 0, host, 0, inside=True),),)
    return Sockets(Plan(outside, inside, False, (NodePlan("a", UDP, "127.0.0.1", 5060),)))


def trunk(tmp_path: Path, name: str, uri: str) -> Trunk:
    text = f"""
front: {{listen: ["udp://192.0.2.1:5060"], inside: "udp://10.0.0.1:5062", domains: [example.com]}}
nodes: [{{name: a, uri: "sip:10.0.0.2"}}, {{name: b, uri: "sip:10.0.0.3"}}]
trunks: [{{name: {name}, uri: "{uri}", sources: [203.0.113.0/28]}}]
"""
    return config(tmp_path, text).trunks[0]


async def test_answers_are_pushed_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    local, names = sockets(), Names()
    pushed: list[tuple[str, tuple[Flow, ...]]] = []
    made = Trunks(local, lambda name, flows: pushed.append((name, flows)), resolver=names)
    try:
        made.set([trunk(tmp_path, "carrier", "sip:c.example")])
        await until(lambda: names.asked > 2)
        assert pushed == []
        names.table["c.example"] = Answer((Target("127.0.0.9", 5060, UDP),), 0.01)
        await until(lambda: pushed)
        asked = names.asked
        await until(lambda: names.asked > asked + 2)
        assert len(pushed) == 1  # the same answer is not pushed again
        names.table.clear()
        asked = names.asked
        await until(lambda: names.asked > asked + 2)
        assert len(pushed) == 1  # DNS fails: the last good answer stays
        targets = (Target("127.0.0.8", 5070, TCP), Target("127.0.0.9", 5060, UDP))
        names.table["c.example"] = Answer((*targets, Target("::1", 5060, UDP)), 60.0)
        await until(lambda: len(pushed) == 2)
        first, second = pushed[1][1]
        assert (first.host, first.port, first.reliable) == ("127.0.0.8", 5070, True)
        assert second is pushed[0][1][0]
        local.flows.dropped(first)
        assert made.renew(first)
        assert not made.renew(first)
        anew = pushed[2][1]
        assert anew[0] is not first
        assert (anew[0].host, anew[1]) == ("127.0.0.8", second)
    finally:
        await made.close()
        local.close()


async def test_trunks_come_and_go(tmp_path: Path) -> None:
    local, names = sockets(), Names()
    names.table["c.example"] = Answer((Target("127.0.0.9", 5060, UDP),), 60.0)
    names.table["d.example"] = Answer((Target("127.0.0.7", 5060, UDP),), 60.0)
    pushed: dict[str, tuple[Flow, ...]] = {}
    made = Trunks(local, pushed.__setitem__, resolver=names)
    try:
        one, two = trunk(tmp_path, "c", "sip:c.example"), trunk(tmp_path, "d", "sip:d.example")
        made.set([one])
        await until(lambda: pushed)
        before = pushed["c"]
        made.set([one, two])
        await until(lambda: "d" in pushed)
        assert pushed["c"] is before
        made.set([two])
        assert pushed["c"] == ()
        assert names.asked == 2
    finally:
        await made.close()
        local.close()
