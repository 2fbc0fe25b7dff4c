"""Messages as a diagram of lines of text: parties outside on the left, the front, the nodes.

Who draws has seen them by itself (the demonstration, beside its phones and nodes) or has asked the
front for them (``sipfront trace``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Seconds within which a challenge is answered as ever; a longer one is part of the story.
QUICK = 0.03
FRONT = "sipfront"
#: Characters between two columns, and before the first.
APART, MARGIN = 24, 10
#: Columns nearer to each other than this have no room for a label.
NEAREST = 16


class Seen(NamedTuple):
    """One message as one party saw it."""

    at: float  #: wall clock
    party: str
    sent: bool  #: by that party; else it came
    label: str


def fitting(width: int, columns: int) -> int:
    """How far apart so many columns stand on a terminal of this width."""
    return max(NEAREST, min(APART, (width - MARGIN - 2) // max(1, columns - 1)))


def draw(
    messages: Iterable[Seen],
    columns: Sequence[str],
    notes: Iterable[tuple[float, str]] = (),
    limit: int = 40,
    apart: int = APART,
) -> list[str]:
    """The diagram, the first line names the columns; :data:`FRONT` must be one of them.

    ``notes`` are what else happened while it lasted (wall clock, text).
    """
    messages = sorted(messages, key=lambda seen: seen.at)
    if not messages:
        return []
    places = {name: MARGIN + apart * index for index, name in enumerate(columns)}
    begun, ended = messages[0].at, messages[-1].at
    lines = [" " * (MARGIN - 5) + _names(columns, apart)]
    rows: list[tuple[float, str]] = []
    for seen in messages:
        if seen.party in places:
            here, front = places[seen.party], places[FRONT]
            start, end = (here, front) if seen.sent else (front, here)
            rows.append((seen.at, _arrow(seen.at - begun, start, end, seen.label, places, apart)))
    for at, text in notes:
        if begun <= at <= ended:
            rows.append((at, _note(at - begun, text, places[columns[-1]])))
    rows.sort(key=lambda row: row[0])
    shown = [row for _, row in rows]
    if len(shown) > limit:
        left = len(shown) - limit + 1
        shown = [*shown[: limit - 1], f"{'':>8}  … and {left} more"]
    return lines + shown


def answered(messages: Sequence[Seen], caller: str) -> list[Seen]:
    """Without the first try that was challenged: it is the same in every call (RFC 3261 22)."""
    if not messages:
        return []
    tries = [seen for seen in messages if seen.party == caller and seen.label == "INVITE"]
    asked = [seen.at for seen in messages if seen.party == caller and seen.label in ("401", "407")]
    again = [seen.at for seen in tries if seen.sent and asked and seen.at > asked[0]]
    if not again or again[0] - messages[0].at > QUICK:
        return list(messages)
    left = [seen for seen in messages if seen.at >= again[0]]
    # The ACK of the challenge is still on its way.
    while left[1:] and left[1].label != "INVITE" and left[1].party != caller:
        del left[1]
    return left


def _names(columns: Sequence[str], apart: int) -> str:
    return "".join(f"{name[: apart - 2]:<{apart}}" for name in columns).rstrip()


def _time(seconds: float) -> str:
    return f"{1000 * seconds:6.0f} "


def _arrow(
    seconds: float, start: int, end: int, label: str, places: dict[str, int], apart: int
) -> str:
    low, high = min(start, end), max(start, end)
    line = [" "] * (max(places.values()) + 1)
    for place in places.values():
        line[place] = "│"
    for place in range(low + 1, high):
        line[place] = "─"
    word = f" {label[: apart - 7]} "
    middle = (low + high - len(word)) // 2 + 1
    # A long arrow is labelled near the front, where it does not cross another column.
    if high - low > apart:
        near = low if low == places[FRONT] else high - apart
        middle = near + (apart - len(word)) // 2 + 1
    line[middle : middle + len(word)] = word
    line[high - 1 if end > start else low + 1] = ">" if end > start else "<"
    return (_time(seconds) + "".join(line)[len(_time(0)) :]).rstrip()


def _note(seconds: float, text: str, width: int) -> str:
    room = width - MARGIN
    return f"{_time(seconds)}   ─ {text if len(text) <= room else text[: room - 1] + '…'}"
