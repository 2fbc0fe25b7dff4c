"""How many phones the new active node can call, and who is made to come back."""

from __future__ import annotations

from sipfront.stack.accounts import Account
from sipfront.stack.route import NodeState
from tests.stack.pbxs import Stage
from tests.stack.phones import Phone, granted, world
from tests.stack.world import World


def over_tcp(one: World, user: str, port: int) -> Phone:
    phone = Phone(one, user, one.flows.stream(one.tcp, "198.51.100.9", port), call_id=user)
    one.wait(0.5)
    (sent,) = phone.ask()
    one.hear(sent.flow, granted(sent))
    return phone


def test_static_and_shared_reach_all_at_once() -> None:
    for way in ("static", "shared"):
        stage = Stage(3, known=False, continuity=way)
        stage.switch_on()
        stage.run(2)
        stage.world.route(1, (NodeState.DOWN, NodeState.UP))
        stage.run(2)
        assert [told[1:] for told in stage.reached()] == [(1, 3, 3, 0.0)]


def test_nudge_closes_connections_spread_over_time() -> None:
    one = world(continuity="nudge", rate=80.0)
    phones = [over_tcp(one, str(1000 + n), 40000 + n) for n in range(100)]
    one.engine.notices()
    one.route(1, (NodeState.DOWN, NodeState.UP))
    closed: list[float] = []
    for _ in range(400):
        one.wait(0.025)
        closed += [one.now for notice in one.log if type(notice).__name__ == "HangUp"]
        one.log.clear()
    assert len(closed) == len(phones)
    assert closed[-1] - closed[0] > 0.08, "not all in one turn"


def test_nudge_leaves_udp_alone_and_counts_who_came_back() -> None:
    stage = Stage(4, known=False, continuity="nudge")
    stage.switch_on(8)
    stage.run(20)
    stage.pbxs[0].alive = False
    stage.world.route(1, (NodeState.DOWN, NodeState.UP))
    stage.run(65)
    first, last = stage.reached()[0], stage.reached()[-1]
    assert (first.reached, first.phones) == (0, 4)
    assert (last.reached, last.phones) == (4, 4)
    assert 0 < last.took <= 60, "at most phone_expiry"
    assert stage.hung_up() == []


def test_auto_closes_only_whom_it_cannot_mirror() -> None:
    one = world(continuity="auto")
    over_tcp(one, "1001", 40001)
    alone = over_tcp(one, "1002", 40002)

    one.engine.accounts_changed({b"1001": Account(b"1001", b"x")}, one.now)
    one.out()
    one.log.clear()
    one.route(1, (NodeState.DOWN, NodeState.UP))
    one.wait(1)
    hung = [n.flow for n in one.log if type(n).__name__ == "HangUp"]  # type: ignore[union-attr]
    assert hung == [alone.flow]
