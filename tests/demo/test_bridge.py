"""What the caller is told when nobody answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sipfront.demo.bridge import _best


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ([], 480),
        ([0], 480),  # no answer at all
        ([486], 486),
        ([486, 404], 404),
        ([486, 603], 603),  # a decline decides (RFC 3261 16.7)
        ([503], 503),
        ([401], 480),  # the node's own affair with the front
        ([487, 0], 480),
    ],
)
def test_the_best_failure(statuses: list[int], told: int) -> None:
    legs = [SimpleNamespace(status=status) for status in statuses]
    assert _best(legs) == told  # type: ignore[arg-type]
