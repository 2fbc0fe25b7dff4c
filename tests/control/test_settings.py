from __future__ import annotations

import pytest

from sipfront.control.settings import Settings


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
