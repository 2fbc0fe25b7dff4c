"""Explanations are made by asking the decision; these check that they ask the right things."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_decision import CALM, DEAD, A, B

from sipfront.control.decision import Action, Mode, Standing
from sipfront.control.explain import RULES, WORDS, assume, what_if, why_not, would_change
from sipfront.control.verdict import State


def test_what_would_change_a_calm_pair() -> None:
    assert would_change(CALM) == [
        "if pbx-a were down: pbx-a is left for pbx-b: pbx-a is DOWN (assumed); pbx-b is UP"
    ]


def test_what_would_have_kept_a_failover_from_happening() -> None:
    said = would_change(replace(CALM, nodes=(DEAD, B)))
    assert said == ["if pbx-a were up: pbx-a stays active: pbx-a is UP (assumed)"]


def test_two_things_are_named_when_one_is_not_enough() -> None:
    view = replace(CALM, nodes=(A, replace(B, mode=Mode.DRAIN)))
    (said,) = would_change(view)
    assert said.startswith("if pbx-a were down and pbx-b were ready: pbx-a is left for pbx-b")


def test_hold_down_is_named_where_it_binds() -> None:
    view = replace(CALM, nodes=(replace(A, mode=Mode.DRAIN), B), last_change=4990.0)
    assert would_change(view) == ["without hold_down: pbx-a is in drain and is left for pbx-b"]


def test_why_not_names_every_obstacle() -> None:
    fenced = replace(
        B, standing=Standing.FENCED, settling=1.5, mode=Mode.MAINTENANCE, faults=("call: no",)
    )
    checks, now = why_not(replace(CALM, nodes=(A, fenced)), "pbx-b")
    bad = [check.text for check in checks if not check.good]
    assert [text.split(":")[0] for text in bad] == [
        "in service",
        "settled",
        "not fenced",
        "no bad answer to a deeper question",
        "a switch-over by hand",
    ]
    assert now == "pbx-a stays active: pbx-a is UP"
    assert why_not(CALM, "pbx-a")[0][0].text == "pbx-a is the active node"
    checks, _ = why_not(CALM, "pbx-b")
    assert all(check.good for check in checks)
    assert "by hand it could be now" in checks[-1].text


def test_what_if_answers_as_the_decision_would() -> None:
    assert what_if(CALM, {"pbx-a": "down"}).target == 1
    assert what_if(CALM, {"pbx-a": "down", "pbx-b": "not-ready"}).rule == "no ready node"
    assert what_if(CALM, {"pbx-a": "down", "front": "cut-off"}).rule == "cut off"
    assert what_if(CALM, {"pbx-a": "overloaded"}).action is Action.STAY
    assert what_if(CALM, {"pbx-a": "maintenance"}).rule == "drain"
    assert what_if(CALM, {"pbx-a": "cannot-call"}).rule == "no better node"
    both = {"pbx-a": "cannot-call", "pbx-b": "can-call"}
    assert what_if(CALM, both).rule == "cannot serve"


def test_every_word_can_be_assumed() -> None:
    for word in WORDS:
        view = assume(CALM, {"pbx-b": word})
        assert view.nodes[0] == A
        assert what_if(CALM, {"pbx-b": word}).sentence
    assert assume(CALM, {"pbx-b": "suspect"}).nodes[1].state is State.SUSPECT


def test_what_cannot_be_assumed() -> None:
    with pytest.raises(ValueError, match="no such node: pbx-c"):
        assume(CALM, {"pbx-c": "down"})
    with pytest.raises(ValueError, match="can be assumed up"):
        assume(CALM, {"pbx-a": "asleep"})
    with pytest.raises(ValueError, match="no such node"):
        why_not(CALM, "pbx-c")


def test_every_rule_has_its_words() -> None:
    from pathlib import Path

    import sipfront.control.decision as rules

    text = Path(rules.__file__).read_text()
    for rule in RULES:
        assert f'"{rule}"' in text or rule == "moving", f"{rule} is no rule (any more)"
