from __future__ import annotations

import pytest

from sipfront.control.settings import Hook, Probe, Settings


def test_the_defaults_are_those_of_the_documentation() -> None:
    s = Settings(nodes=("a", "b"))
    assert (s.interval, s.timeout, s.burst, s.rise) == (0.5, 0.5, 7, 2)
    assert (s.patience, s.rescue_after, s.park) == (0.8, 5.0, 3.0)
    assert (s.failback, s.hold_down, s.max_per_hour) == ("manual", 120.0, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes": ()},
        {"nodes": ("a", "a")},
        {"interval": 0.0},
        {"quick": -1.0},
        {"burst": 0},
        {"rise": 0},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Settings(**{"nodes": ("a", "b"), **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"probes": (Probe("p", "mood"),)},
        {"probes": (Probe("p", "call", fall=0),)},
        {"probes": (Probe("p", "call"), Probe("p", "ready"))},
        {"hooks": (Hook("dance"),)},
        {"hooks": (Hook("fence"), Hook("fence"))},
    ],
)
def test_probes_and_hooks_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no such question|must|hooks are"):
        Settings(nodes=("a", "b"), **wrong)  # type: ignore[arg-type]


def test_a_hook_is_found_by_its_name() -> None:
    s = Settings(nodes=("a", "b"), hooks=(Hook("fence", required=True),))
    assert s.hook("fence") == Hook("fence", required=True)
    assert s.hook("promote") is None
