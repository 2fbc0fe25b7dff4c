"""A stored failover decides again: the same answer from the same case, another one from another."""

from __future__ import annotations

import json

import pytest
from invariants import Broken
from schedules import schedule
from sim import Sim
from sim import settings as with_
from stories import last, settled

from sipfront.control.actions import ROLE_EVENTS, Event
from sipfront.control.replay import Answer, dump, read, run
from sipfront.control.settings import Hook, Probe


def stored(event: Event) -> str:
    """The file of a change of role."""
    assert event.case is not None
    return json.dumps(dump(event.case, event), allow_nan=False)


def killed(**what: object) -> Sim:
    sim = settled(calls=20.0, chatter=30.0, settings=with_(**what))
    sim.run(70.0)
    sim.change(0, alive=False)
    sim.run(2.0)
    return sim


def test_a_failover_from_its_file_has_the_same_answer() -> None:
    event = last(killed(), "failover")
    case, answer = read(json.loads(stored(event)))
    replayed = run(case, answer)
    assert replayed.same
    assert replayed.stored == Answer.of(event)
    assert [e.kind for e in replayed.events][-3:] == ["down", "failover", "alarm"]
    drawn = json.loads(stored(event))["picture"]["monitor"]["_now"]
    assert 20.0 <= event.at - drawn <= 45.0


def test_with_other_settings_it_may_have_another() -> None:
    event = last(killed(), "failover")
    case, answer = read(json.loads(stored(event)))
    assert not run(case, answer, refusals=50, burst=40).same
    assert run(case, answer, hold_down=1.0).same


def test_deeper_questions_and_hooks_are_part_of_the_case() -> None:
    hooks = (Hook("fence", required=True, timeout=1.0), Hook("promote", required=True))
    sim = settled(
        settings=with_(probes=(Probe("echo", "call", stale=20.0),), hooks=hooks), calls=5.0
    )
    sim.change(0, broken=True)
    sim.run(15.0)
    event = last(sim, "failover")
    assert event.rule == "cannot serve"
    case, answer = read(json.loads(stored(event)))
    assert run(case, answer).same


def test_every_change_of_role_in_random_schedules_can_be_replayed() -> None:
    count = 0
    for seed in range(60):
        try:
            sim = schedule(seed)
        except Broken:
            continue
        for event in sim.events:
            if event.kind in ROLE_EVENTS:
                case, answer = read(json.loads(stored(event)))
                replayed = run(case, answer)
                assert replayed.same, f"seed {seed}: {replayed.again} is not {answer}"
                count += 1
    print(f"{count} changes of role decided again")
    assert count > 40


def test_a_file_stays_small_under_load() -> None:
    sim = settled(calls=100.0, chatter=200.0)
    sim.run(60.0)
    sim.change(0, frozen=True)
    sim.run(3.0)
    assert len(stored(last(sim, "failover"))) < 600_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "no stored failover"),
        ([], "no stored failover"),
        ({"what": "sipfront failover", "version": 99}, "version 99"),
        ({"what": "sipfront failover", "version": 1}, "damaged"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_in_words(wrong: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(wrong)


def test_a_damaged_case_is_refused_in_words() -> None:
    whole = json.loads(stored(last(killed(), "failover")))
    for key, value in (
        ("settings", {"type": "Settings", "fields": {"nodes": 7}}),
        ("settings", {"type": "Nobody", "fields": {}}),
        ("entries", [["dance", None]]),
        ("entries", [["heard", None, "x", "y"]]),
        ("picture", {}),
        ("answer", {"event": "failover"}),
    ):
        with pytest.raises(ValueError, match=r"damaged|no such verb"):
            run(*read({**whole, key: value}))
