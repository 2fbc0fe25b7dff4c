from __future__ import annotations

from sipfront.cli.remote import as_text

NODE = {
    "name": "pbx-a",
    "verdicts": {"reachable": "good", "call": "bad"},
    "grounds": {"reachable": "heard 0.1 s ago", "call": "echo bad 1.2 s ago"},
}
PROBE = {
    "probe": "echo", "node": "pbx-a", "question": "call", "outcome": "bad", "age": 1.23,
    "text": "404 Not Found",
}  # fmt: skip


def test_each_verdict_says_what_it_rests_on() -> None:
    told = as_text({"nodes": [NODE]})
    assert "node   verdict          rests on\n" in told
    assert "pbx-a  reachable  good  heard 0.1 s ago\n" in told
    assert "pbx-a  call       bad   echo bad 1.2 s ago\n" in told + "\n"


def test_each_probe_has_its_last_outcome() -> None:
    told = as_text({"probes": [PROBE, PROBE | {"node": "pbx-b", "text": "x" * 90}, None]})
    assert "echo   pbx-a  call  bad  1.2 s ago  404 Not Found\n" in told
    assert told.endswith("x" * 57 + "...")


def test_what_is_wrong_with_the_front_itself() -> None:
    assert "\ndegraded: the disk is full" in as_text(
        {"healthy": False, "trouble": "the disk is full"}
    )
    assert "\ndegraded: not saved" in as_text(
        {"healthy": False, "trouble": "", "store": "not saved"}
    )
    assert "degraded" not in as_text({"healthy": True, "trouble": "", "store": "saved"})
    assert "degraded" not in as_text({})


def test_what_another_version_says_is_shown_as_far_as_it_goes() -> None:
    odd = {"nodes": [{"verdicts": {"call": 3}, "grounds": 7}], "probes": [{}]}
    assert "-     call     3  -" in as_text(odd)
