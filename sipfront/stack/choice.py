"""Which of several failures is the one answer that is passed (RFC 3261 16.7 step 6)."""

from __future__ import annotations

#: No answer to a caller but a question (RFC 3261 22).
CHALLENGES = (401, 407)


def rank(status: int) -> int:
    """Smaller is better (RFC 3261 16.7 step 6): 6xx, then the lowest class, then what helps."""
    if status >= 600:
        return 0
    if status in (401, 407, 415, 420, 484):
        return 399
    return status if status != 503 else 599
