from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.control.evidence import HookDone
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Probe, Settings
from sipfront.control.status import Answer
from sipfront.runtime.measures import BOUNDS, Histogram, Measures, grounds, verdicts

S = Settings(nodes=("a", "b"), probes=(Probe("echo", "call"),))


def samples(measures: Measures) -> dict[str, float]:
    status = Monitor(S, 0.0, active=0).status(1.0)
    found = {}
    for name, _, kind, labels, value in measures.metrics(status):
        if kind != "histogram":
            assert isinstance(value, int | float)
            found[name + "".join(f" {its}" for its in labels.values())] = value
    return found


def test_a_histogram_counts_the_shorter_ones_too() -> None:
    made = Histogram()
    for seconds in (0.03, 0.05, 0.9, 99.0):
        made.add(seconds)
    buckets, total = made.value()
    counts = dict(buckets)
    assert (counts["0.025"], counts["0.05"], counts["1.0"], counts["+Inf"]) == (0, 2, 3, 4)
    assert len(buckets) == len(BOUNDS) + 1
    assert total == pytest.approx(99.98)


def test_decisions_are_counted_by_their_rule() -> None:
    measures = Measures()
    measures.event({"at": 5.0, "event": "failover", "rule": "cannot serve", "took": 6.5})
    measures.event({"at": 7.0, "event": "switch-over"})
    measures.event({"at": 8.0, "event": "kept", "rule": "no better node"})
    measures.event({"at": 9.0, "event": "up"})
    measures.hook(HookDone("fence", 0, 1, False, "no", 9.0))
    found = samples(measures)
    assert found["sipfront_decisions_total cannot serve"] == 1
    assert found["sipfront_decisions_total switch-over"] == 1
    assert found["sipfront_decisions_total no better node"] == 1
    assert found["sipfront_role_changed_timestamp_seconds"] == 7.0
    assert found["sipfront_events_total up"] == 1
    assert found["sipfront_hooks_total fence bad"] == 1


def test_every_question_has_one_answer() -> None:
    found = samples(Measures())
    for node in ("a", "b"):
        for question in ("reachable", "not overloaded", "call", "takeover"):
            words = [
                found[f"sipfront_node_verdict {node} {question} {word}"]
                for word in ("good", "bad", "unknown")
            ]
            assert sum(words) == 1
    assert found["sipfront_node_verdict a reachable unknown"] == 1
    assert found["sipfront_node_mode a in-service"] == 1


def test_the_worst_answer_of_the_required_probes_counts() -> None:
    node = Monitor(S, 0.0, active=0).status(1.0).nodes[0]
    good = Answer("one", "call", "good", True, "", 0.1, 1.0)
    node = replace(node, state="UP", answers=(good, replace(good, answer="bad", required=False)))
    assert verdicts(node)["call"] == "good"
    node = replace(node, answers=(good, replace(good, answer="unknown")))
    assert verdicts(node)["call"] == "unknown"
    node = replace(node, answers=(good, replace(good, answer="bad")))
    assert verdicts(node)["call"] == "bad"
    assert verdicts(replace(node, state="OVERLOADED"))["not overloaded"] == "bad"


def test_each_verdict_rests_on_something() -> None:
    node = Monitor(S, 0.0, active=0).status(1.0).nodes[0]
    one = Answer("one", "call", "good", True, "", 0.1, 1200.0)
    node = replace(
        node, state="UP", ready=True, why="pbx-a is UP", heard_ms=100.0, answered_ms=400.0,
        status=200, rtt_ms=0.5, answers=(one, replace(one, probe="two", answer="unknown", age_ms=None)),
    )  # fmt: skip
    said = grounds(node)
    assert list(said) == list(verdicts(node))
    assert said["call"] == "one good 1.2 s ago, two unknown"
    assert said["reachable"].startswith(
        "heard 0.1 s ago, OPTIONS answered 200 within 0.5 ms 0.4 s ago"
    )
    assert said["not overloaded"] == "takes new requests"
    assert said["takeover"] == "it is active"
    down = replace(node, state="DOWN", ready=False, role="standby", why="pbx-a is DOWN (refused)")
    assert grounds(down)["reachable"].startswith("pbx-a is DOWN (refused)")
    assert grounds(down)["takeover"] == grounds(down)["not overloaded"] == "pbx-a is DOWN (refused)"
    busy = grounds(replace(node, state="OVERLOADED", why="pbx-a is OVERLOADED (503)"))
    assert busy["not overloaded"] == "pbx-a is OVERLOADED (503)"
    old = replace(node, heard_ms=None, answered_ms=None)
    assert grounds(old)["reachable"].startswith("never heard")
    assert "2 min ago" in grounds(replace(node, heard_ms=120_000.0))["reachable"]
