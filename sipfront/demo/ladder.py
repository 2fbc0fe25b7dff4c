"""One call as a diagram: what its caller and the two nodes sent and received, in the order of time.

Everybody says what passes by (:class:`Watcher`), by the Call-ID that the front keeps.  Nothing is
asked of the front itself: its column is where the others' messages come from and go to.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Calls that are remembered, and messages of one.
CALLS, MESSAGES = 400, 60
#: Seconds within which a challenge is answered as ever; a longer one is part of the story.
QUICK = 0.03
#: Methods that make the picture of a call.
METHODS = frozenset((b"INVITE", b"ACK", b"BYE", b"CANCEL"))
FRONT = "sipfront"
#: Characters between two columns, and before the first.
APART, MARGIN = 24, 10


class Seen(NamedTuple):
    """One message as one party saw it."""

    at: float  #: wall clock
    party: str
    sent: bool  #: by that party; else it came
    label: str


def labelled(data: bytes) -> tuple[str, str] | None:
    """Call-ID and a short name of a message, when it belongs to a call."""
    try:
        message = scan(data)
    except SipError:
        return None
    return _label(message)


def _label(message: Message) -> tuple[str, str] | None:
    method = message.method or message.cseq_method
    if method not in METHODS:
        return None
    call_id = message.call_id.decode("utf-8", "replace")
    if message.method:
        return call_id, method.decode()
    if message.status == 100:
        return None  # says nothing to anybody
    of = "" if method == b"INVITE" else f" ({method.decode()})"
    return call_id, f"{message.status}{of}"


class Watcher:
    """Remembers what was seen of the newest calls."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, list[Seen]] = OrderedDict()

    def note(self, call_id: str, seen: Seen) -> None:
        """One more message."""
        messages = self._calls.setdefault(call_id, [])
        if len(messages) < MESSAGES:
            messages.append(seen)
        while len(self._calls) > CALLS:
            self._calls.popitem(last=False)

    def of(self, call_id: str) -> list[Seen]:
        """What was seen of one call, in the order of time."""
        return sorted(self._calls.get(call_id, ()))


def draw(
    messages: Sequence[Seen],
    caller: str,
    nodes: Sequence[str],
    notes: Iterable[tuple[float, str]] = (),
    limit: int = 40,
) -> list[str]:
    """The diagram; ``notes`` are what else happened while it lasted (wall clock, text)."""
    if not messages:
        return []
    messages = _from_the_call(messages, caller)
    columns = [caller, FRONT, *nodes]
    places = {name: MARGIN + APART * index for index, name in enumerate(columns)}
    begun, ended = messages[0].at, messages[-1].at
    lines = [" " * (MARGIN - 5) + _names(columns)]
    rows: list[tuple[float, str]] = []
    for seen in messages:
        if seen.party in places:
            here, front = places[seen.party], places[FRONT]
            start, end = (here, front) if seen.sent else (front, here)
            rows.append((seen.at, _arrow(seen.at - begun, start, end, seen.label, places)))
    for at, text in notes:
        if begun <= at <= ended:
            rows.append((at, _note(at - begun, text, places[columns[-1]])))
    rows.sort(key=lambda row: row[0])
    shown = [row for _, row in rows]
    if len(shown) > limit:
        left = len(shown) - limit + 1
        shown = [*shown[: limit - 1], f"{'':>8}  … and {left} more"]
    return lines + shown


def _from_the_call(messages: Sequence[Seen], caller: str) -> list[Seen]:
    """Without the first try that was challenged: it is the same in every call (RFC 3261 22)."""
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


def _names(columns: Sequence[str]) -> str:
    return "".join(f"{name[: APART - 2]:<{APART}}" for name in columns).rstrip()


def _time(seconds: float) -> str:
    return f"{1000 * seconds:6.0f} "


def _arrow(seconds: float, start: int, end: int, label: str, places: dict[str, int]) -> str:
    low, high = min(start, end), max(start, end)
    line = [" "] * (max(places.values()) + 1)
    for place in places.values():
        line[place] = "│"
    for place in range(low + 1, high):
        line[place] = "─"
    word = f" {label} "
    middle = (low + high - len(word)) // 2 + 1
    # A long arrow is labelled near the front, where it does not cross another column.
    if high - low > APART:
        middle = low + (APART - len(word)) // 2 + 1
    line[middle : middle + len(word)] = word
    line[high - 1 if end > start else low + 1] = ">" if end > start else "<"
    return (_time(seconds) + "".join(line)[len(_time(0)) :]).rstrip()


def _note(seconds: float, text: str, width: int) -> str:
    room = width - MARGIN
    return f"{_time(seconds)}   ─ {text if len(text) <= room else text[: room - 1] + '…'}"
