"""The order of failures."""

from __future__ import annotations

from sipfront.stack.choice import rank


def test_the_order() -> None:
    """6xx is final, a challenge helps, then the lowest class; a 503 is last."""
    order = [603, 302, 401, 404, 486, 500, 504, 503]
    assert sorted(order, key=rank) == order
    assert rank(401) == rank(407) == rank(484)
