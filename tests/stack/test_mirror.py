"""Every binding at both nodes, ahead of time: what the front itself tells them."""

from __future__ import annotations

from sipfront.sip import digest
from sipfront.stack.accounts import Account
from sipfront.stack.route import NodeState, Standing
from tests.stack.pbxs import Stage, password
from tests.stack.world import request


def test_a_new_binding_is_put_at_the_standby_too() -> None:
    stage = Stage(2, continuity="mirror")
    stage.switch_on()
    stage.run(2)
    assert [stage.at(0), stage.at(1)] == [2, 2]
    assert stage.held(1) == 2
    own = next(iter(stage.world.engine.shared.bindings))
    (there,) = stage.pbxs[1].registrar.contacts("1000", stage.now)
    (here,) = stage.pbxs[0].registrar.contacts("1000", stage.now)
    assert there.uri.same(here.uri), "under the same name: a location table stays valid"
    assert own.granted == [3600, 3600]


def test_the_nodes_clock_is_kept_without_the_phone() -> None:
    """Two hours of refreshes by the phones: the nodes hear the front, at their own interval."""
    stage = Stage(3, continuity="mirror")
    stage.switch_on()
    stage.run(2)
    before = [len(pbx.times) for pbx in stage.pbxs]
    stage.run(7200)
    assert [stage.at(0), stage.at(1)] == [3, 3]
    assert stage.counters["refreshes answered here"] > 3 * 7200 / 60
    assert all("half-life" not in name for name in stage.counters)
    heard = [len(pbx.times) - number for pbx, number in zip(stage.pbxs, before, strict=True)]
    asks = 2 * 7200 / 5
    assert all(number < asks + 60 for number in heard), heard


def test_a_failover_needs_no_phone() -> None:
    stage = Stage(5, continuity="mirror")
    stage.switch_on()
    stage.run(20)
    stage.pbxs[0].alive = False
    standings = (Standing.FENCED, Standing.ACTIVE)
    passed = {name: n for name, n in stage.counters.items() if name.startswith("REGISTER passed")}
    stage.world.route(1, (NodeState.DOWN, NodeState.UP), standings)
    stage.run(300)
    assert {n: v for n, v in stage.counters.items() if n.startswith("REGISTER passed")} == passed
    (told,) = stage.reached()
    assert (told.node, told.reached, told.phones, told.took) == (1, 5, 5, 0.0)
    assert all(not phone.refused for phone in stage.phones.values())
    renewed = [b.held[1] - b.granted[1] for b in stage.world.engine.shared.bindings]
    assert min(renewed) >= 1000 + 20, "told again, so that it sends the state of the mailboxes"


def test_what_the_new_node_lacks_comes_first() -> None:
    """Five of ten are not at the standby when the active one dies."""
    stage = Stage(10, continuity="mirror")
    stage.pbxs[1].alive = False
    stage.switch_on()
    stage.run(10)
    assert stage.held(1) == 0
    stage.world.route(0, (NodeState.UP, NodeState.DOWN))
    stage.run(60)
    stage.pbxs[1].alive = True
    stage.pbxs[0].alive = False
    stage.world.route(1, (NodeState.DOWN, NodeState.UP))
    stage.run(5)
    first, last = stage.reached()[0], stage.reached()[-1]
    assert (first.reached, first.phones) == (0, 10)
    assert (last.reached, last.phones) == (10, 10)
    assert last.took < 2
    assert stage.at(1) == 10


def test_a_phone_that_is_gone_is_removed_at_both() -> None:
    stage = Stage(2, continuity="mirror")
    stage.switch_on()
    stage.run(5)
    stage.phone("1001").off = True
    stage.run(75)
    assert [stage.at(0), stage.at(1)] == [1, 1]
    assert stage.counters["bindings removed at a node"] == 2


def test_a_phone_that_signs_off_is_removed_at_the_standby() -> None:
    stage = Stage(2, continuity="mirror")
    stage.switch_on()
    stage.run(5)
    stage.phone("1001").register(stage.now, 0)
    stage.phone("1001").off = True
    stage.run(5)
    assert [stage.at(0), stage.at(1)] == [1, 1]


def test_a_phone_that_returns_while_it_is_being_removed_stays() -> None:
    """The node is slow: the removal must not overtake the new registration."""
    stage = Stage(1, continuity="mirror")
    stage.switch_on()
    stage.run(5)
    phone = stage.phone("1000")
    phone.off = True
    stage.pbxs[0].alive = stage.pbxs[1].alive = False
    stage.run(72)  # expired; the removal goes unanswered
    phone.off = False
    stage.pbxs[0].alive = stage.pbxs[1].alive = True
    phone.register(stage.now)
    stage.run(60)
    assert [stage.at(0), stage.at(1)] == [1, 1]
    assert stage.held(0) == stage.held(1) == 1


def test_a_node_that_lost_its_memory_is_told_again() -> None:
    stage = Stage(40, continuity="mirror")
    stage.switch_on()
    stage.run(20)
    for node in (1, 0):
        stage.pbxs[node].forget()
        stage.run(20)
        assert [stage.at(0), stage.at(1)] == [40, 40]
        assert stage.held(node) == 40
    assert stage.counters["nodes that lost their memory"] == 2
    assert [note.detail for note in stage.notes("registrations_lost")] == ["pbx-b", "pbx-a"]
    assert stage.reached()[-1][1:4] == (0, 40, 40)


def test_a_single_binding_that_is_gone_is_no_lost_memory() -> None:
    """Somebody removed one by hand: it is told again when it is asked for, or at its half-life."""
    stage = Stage(8, continuity="mirror")
    stage.switch_on()
    stage.run(20)
    stage.pbxs[1].registrar._contacts["1003"] = []
    stage.run(300)
    assert stage.at(1) == 8
    assert "nodes that lost their memory" not in stage.counters


def test_a_lost_memory_is_noticed_among_many_that_came_after_it() -> None:
    """The newest bindings were told to the node after it had forgotten all others."""
    stage = Stage(400, continuity="mirror", phone_expiry=600)
    phones = list(stage.phones.values())
    for phone in phones[:300]:
        phone.register(stage.now)
    stage.run(20)
    stage.pbxs[1].forget()
    for phone in phones[300:]:
        phone.register(stage.now)
    stage.run(60)
    assert [stage.at(0), stage.at(1)] == [400, 400]


def test_credentials_that_are_outdated_are_not_tried_again() -> None:
    """The password was changed at the PBX: the phone itself is asked again, nothing is hidden."""
    stage = Stage(2, continuity="mirror")
    stage.switch_on()
    stage.run(5)
    wrong = {b"1000": Account(b"1000", b"old"), b"1001": Account(b"1001", b"secret-1001")}
    stage.world.engine.accounts_changed(wrong, stage.now)
    stage.run(3600 * 0.65)
    assert len(stage.notes("credentials_outdated")) == 1
    assert stage.notes("credentials_outdated")[0].detail == "1000@example.com"
    assert stage.counters["REGISTER passed: half-life"] >= 1
    assert stage.at(0) == 2, "its own phone keeps it there"
    stage.accounts()
    stage.run(30)
    assert [stage.at(0), stage.at(1)] == [2, 2]


def test_auto_mirrors_where_it_can() -> None:
    stage = Stage(3, known=False, continuity="auto")
    stage.accounts("1002")
    stage.switch_on()
    stage.run(5)
    assert [stage.at(0), stage.at(1)] == [3, 2]


def test_static_with_credentials_keeps_the_active_node_only() -> None:
    stage = Stage(3, continuity="static")
    stage.switch_on()
    stage.run(3700)
    assert [stage.at(0), stage.at(1)] == [3, 0]
    assert "REGISTER passed: half-life" not in stage.counters


def test_sha_256_and_ha1() -> None:
    stage = Stage(1, known=False, continuity="mirror")
    secret = digest.ha1(b"1000", b"example.com", password("1000").encode())
    stage.world.engine.accounts_changed(
        {b"1000@example.com": Account(b"1000", b"", ((b"example.com", b"md5", secret),))}, 1000.0
    )
    stage.switch_on()
    stage.run(2)
    assert stage.at(1) == 1


def test_what_the_standby_sends_by_itself_is_refused_and_its_qualify_is_not() -> None:
    stage = Stage(1, continuity="mirror")
    stage.switch_on()
    stage.run(2)
    world = stage.world
    name = next(iter(world.engine.shared.bindings)).name.decode()
    uri = f"sip:1000@10.0.0.10:5062;sf={name}"
    for method, event in (("NOTIFY", "Event: message-summary"), ("INVITE", "")):
        (no,) = world.hear(
            world.nodes[1],
            request(method, uri, via="10.0.0.12:5060", branch=method, call_id=method, extra=event),
        )
        assert no.message.status == 503
    (asked,) = world.hear(
        world.nodes[1], request("OPTIONS", uri, via="10.0.0.12:5060", branch="o", call_id="o")
    )
    assert asked.message.method == b"OPTIONS" or asked.message.status == 200


def test_what_ended_while_a_node_was_down_is_removed_when_it_is_back() -> None:
    stage = Stage(3, continuity="mirror")
    stage.switch_on()
    stage.run(5)
    stage.pbxs[1].alive = False
    stage.world.route(0, (NodeState.UP, NodeState.DOWN))
    stage.phone("1001").off = True
    stage.phone("1002").register(stage.now, 0)
    stage.phone("1002").off = True
    stage.run(90)
    assert [stage.at(0), stage.at(1)] == [1, 3]
    stage.phone("1002").off = False
    stage.phone("1002").register(stage.now, 3600)  # and one is there again
    stage.pbxs[1].alive = True
    stage.world.route(0)
    stage.run(45)
    assert [stage.at(0), stage.at(1)] == [2, 2]
    assert stage.held(1) == 2
