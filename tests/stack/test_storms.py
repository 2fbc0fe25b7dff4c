"""Storms of REGISTERs: no node gets more than it can take, and no phone waits in vain."""

from __future__ import annotations

from sipfront.stack.gate import WAIT
from tests.stack.pbxs import Stage


def test_all_phones_come_at_once() -> None:
    """200 within a second, 20 a second: no phone is refused while the queue is short enough."""
    stage = Stage(200, known=False, continuity="static", rate=20.0, phone_expiry=600)
    stage.switch_on(1.0)
    stage.run(60)
    assert stage.at(0) == 200
    assert stage.pbxs[0].busiest() <= 20
    assert stage.counters["REGISTERs that waited for their turn"] > 300
    assert max(phone.longest for phone in stage.phones.values()) < 32


def test_a_node_that_falls_behind_is_not_asked_twice() -> None:
    """What it is late with counts against its rate when it is sent again; its silence is seen."""
    stage = Stage(400, known=False, continuity="static", rate=20.0, phone_expiry=600)
    stage.switch_on(1.0)
    stage.run(5)
    assert stage.pbxs[0].times
    assert "suspected" not in stage.counters
    stage.pbxs[0].silent = True
    stage.run(0.45)
    assert stage.counters["suspected"] == 1
    stage.run(6)
    assert stage.pbxs[0].busiest() <= 20


def test_a_node_that_answers_late_gets_no_more_for_it() -> None:
    """Every answer takes 1.5 s: all that is sent again counts before it is sent, and all get in."""
    stage = Stage(300, known=False, continuity="static", rate=20.0, phone_expiry=600)
    stage.pbxs[0].takes = 1.5
    stage.switch_on(1.0)
    stage.run(60)
    assert stage.counters["REGISTERs sent again at their turn"] > 100
    assert stage.pbxs[0].busiest() <= 20
    assert stage.at(0) == 300
    assert max(phone.longest for phone in stage.phones.values()) < 32


def test_a_lost_register_is_sent_again_in_the_storm() -> None:
    """What the node never got goes again at its turn, before its phone gives up."""
    stage = Stage(100, known=False, continuity="static", rate=20.0, phone_expiry=600)
    stage.pbxs[0].loses = 7
    stage.switch_on(1.0)
    stage.run(40)
    assert stage.pbxs[0].lost >= 10
    assert stage.at(0) == 100
    assert stage.pbxs[0].busiest() <= 20


def test_who_would_wait_too_long_is_told_when_to_come_again() -> None:
    stage = Stage(400, known=False, continuity="static", rate=5.0, phone_expiry=600)
    stage.switch_on(1.0)
    stage.run(WAIT + 5)
    refused = [phone.refused[503] for phone in stage.phones.values() if phone.refused]
    assert refused, "nobody waits for ever"
    assert stage.counters["REGISTERs that waited too long"] >= len(refused)
    assert max(phone.longest for phone in stage.phones.values()) <= WAIT + 1
    assert stage.pbxs[0].busiest() <= 5


def test_proofs_go_first_then_newcomers_then_refreshes() -> None:
    """Half of the phones refresh, half are new: the new ones are through first."""
    stage = Stage(100, known=False, continuity="static", rate=10.0, phone_expiry=600)
    phones = list(stage.phones.values())
    old, new = phones[:50], phones[50:]
    for phone in old:
        stage.later(stage.now, phone.register)
    stage.run(100)
    assert stage.at(0) == 50
    stage.world.route(1)  # the other node knows nobody: every refresh goes there
    for phone in old:
        phone.answered = 0.0
        phone.register(stage.now)
    for phone in new:
        phone.register(stage.now)
    stage.run(30)
    assert max(phone.answered for phone in new) < max(phone.answered for phone in old)
    done = sorted((phone.answered, phone in new) for phone in phones if phone.answered)
    assert sum(is_new for _, is_new in done[:50]) > 45


def test_nonces_do_not_grow_old_in_the_queue() -> None:
    """Asterisk's live for 32 s: an answer to a challenge never waits behind newcomers."""
    stage = Stage(300, known=False, continuity="static", rate=20.0, phone_expiry=600)
    stage.switch_on(1.0)
    stage.run(90)
    stale = stage.counters.get("credentials refused", 0)
    assert stage.at(0) == 300
    assert stale == 0
    assert len(stage.pbxs[0].times) <= 2 * 300 + sum(
        sum(phone.refused.values()) for phone in stage.phones.values()
    )
