"""Answers ``sipfront trace``: finds on the tape all that belongs to a call, or to a party's calls.

A call may be several dialogs with Call-IDs of their own: what the front gave to a node, and what
the node made of it.  They are found by the X-Sipfront-Call in their messages and by the call
records.  The tape is read in slices with other work of the loop between them; every answer is
bounded, and secrets are masked before anything leaves this file.

Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sipfront.runtime import clock
from sipfront.runtime.addresses import bracketed
from sipfront.runtime.records import party
from sipfront.sip.errors import Malformed, SipError
from sipfront.sip.headers import FROM, TO
from sipfront.sip.masking import masked
from sipfront.sip.message import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sipfront.runtime.tape import Entry, Tape
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow

#: Messages that are looked at before other work of the loop is let in: half a millisecond.
SLICE = 1_000
#: Octets that are masked before other work of the loop is let in: half a millisecond.
MASKED = 8_192
#: Messages, and octets of them, in one answer.
MESSAGES, OCTETS = 500, 2 << 20
#: Calls in one answer about a party; dialogs of one call (a group that rings is one each).
CALLS, DIALOGS = 20, 64
#: Notes in one answer.
NOTES = 200
#: Questions at once: each reads the whole tape.
AT_ONCE = 2
#: Seconds before and after a call in which a change of role still belongs to its story.
BEFORE, AFTER = 0.1, 1.0

_CALL_ID = re.compile(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")
_CORRELATION = re.compile(rb"(?im)^x-sipfront-call[ \t]*:[ \t]*([0-9a-z]{1,64})[ \t]*\r?$")


class Busy(Exception):
    """As many questions as may be asked at once are being answered."""


class Wanted(NamedTuple):
    """What is asked for."""

    name: (
        str  #: a Call-ID, or the name of a call (X-Sipfront-Call); or an extension, or user@domain
    )
    kind: str = "call"  #: call or aor: what the name is
    after: int = 0  #: only messages with a greater number
    calls: int = CALLS
    secrets: bool = False
    octets: bool = False  #: also as they were, in base64


class _Found(NamedTuple):
    number: int
    entry: Entry
    call_id: bytes


class Tracer:
    """Reads one tape."""

    def __init__(
        self,
        tape: Tape,
        nodes: Sequence[str],
        *,
        trunks: Callable[[], Mapping[str, Iterable[Flow]]],
        events: Callable[[], Iterable[dict[str, Any]]],
        others: Callable[[bytes], Iterable[bytes]],
    ) -> None:
        """``trunks``: their flows by name; ``events``: those of the front; ``others``: the Call-IDs
        that records know to belong to the same call as one."""
        self._tape = tape
        self._nodes = list(nodes)
        self._trunks = trunks
        self._events = events
        self._others = others
        self._asked = 0

    async def trace(self, wanted: Wanted) -> dict[str, Any]:
        """The calls that are asked for, oldest first.  Raises Busy."""
        if self._asked >= AT_ONCE:
            raise Busy
        self._asked += 1
        try:
            return await self._trace(wanted)
        finally:
            self._asked -= 1

    async def _trace(self, wanted: Wanted) -> dict[str, Any]:
        now = clock.now()
        offset = clock.wall() - now
        pieces = list(self._tape.pieces(now))
        begun = next((entries[0][0] for _, entries in pieces if entries), None)
        if wanted.kind == "aor":
            groups = await self._of_party(pieces, wanted)
        else:
            groups = [await self._joined(pieces, {wanted.name.encode("utf-8", "surrogateescape")})]
        members = {call_id: index for index, group in enumerate(groups) for call_id in group}
        found = await self._collect(pieces, members, wanted.after)
        sorted_: list[list[_Found]] = [[] for _ in groups]
        for one in found:
            sorted_[members[one.call_id]].append(one)
        shown = _Shown(wanted, offset, self._nodes, self._trunks())
        calls = []
        for group in sorted(filter(None, sorted_), key=lambda group: group[0].entry[0]):
            call = await shown.call(group)
            call["notes"] = self._notes(group, offset)
            calls.append(call)
        return {
            "calls": calls,
            "since": None if begun is None else round(begun + offset, 6),
            "remembers": self._tape.on,
            "cut": shown.cut,
            "masked": not wanted.secrets,
            "next": shown.last if shown.cut else max(0, *(n + len(e) - 1 for n, e in pieces)),
        }

    # -- finding -------------------------------------------------------------------------------

    async def _of_party(
        self, pieces: Sequence[tuple[int, list[Entry]]], wanted: Wanted
    ) -> list[set[bytes]]:
        """The newest calls (and registrations, subscriptions) in which somebody takes part."""
        user = wanted.name.partition("@")[0].encode("utf-8", "surrogateescape")
        seen: dict[bytes, None] = {}
        async for _, entry in _with(pieces, [user]):
            message = _scanned(entry[2])
            if message is not None and message.call_id not in seen and _names(message, wanted.name):
                seen[message.call_id] = None
        groups: list[set[bytes]] = []
        taken: set[bytes] = set()
        for call_id in reversed(seen):
            if len(groups) >= wanted.calls:
                break
            if call_id not in taken:
                group = await self._joined(pieces, {call_id}) - taken
                groups.append(group)
                taken |= group
        return groups

    async def _joined(
        self, pieces: Sequence[tuple[int, list[Entry]]], call_ids: set[bytes]
    ) -> set[bytes]:
        """All Call-IDs of the call, by its records and by X-Sipfront-Call, until no more come."""
        names: set[bytes] = set(call_ids)  # what was asked for may be the name itself
        looked: set[bytes] = set()
        while (new := (call_ids | names) - looked) and len(call_ids) < DIALOGS:
            looked |= new
            for call_id in new & call_ids:
                call_ids |= set(self._others(call_id))
            async for _, entry in _with(pieces, list(new)):
                own = _CALL_ID.search(entry[2])
                name = _CORRELATION.search(entry[2])
                if own is None or name is None:
                    continue
                if own[1] in call_ids:
                    names.add(name[1])
                elif name[1] in names and len(call_ids) < DIALOGS:
                    call_ids.add(own[1])
        return call_ids

    async def _collect(
        self, pieces: Sequence[tuple[int, list[Entry]]], members: Mapping[bytes, int], after: int
    ) -> list[_Found]:
        found = []
        async for number, entry in _with(pieces, list(members)):
            own = _CALL_ID.search(entry[2])
            if number > after and own is not None and own[1] in members:
                found.append(_Found(number, entry, own[1]))
        return found

    # -- what else happened --------------------------------------------------------------------

    def _notes(self, group: Sequence[_Found], offset: float) -> list[dict[str, Any]]:
        """What the front did for the call, and changes of role while it lasted."""
        ids = {one.call_id.decode("utf-8", "replace") for one in group}
        begun, ended = group[0].entry[0] - BEFORE, group[-1].entry[0] + AFTER
        said: list[dict[str, Any]] = [
            {"at": round(note.at + offset, 6), "event": note.event, "text": _sentence(note)}
            for note in self._tape.notes
            if note.call_id in ids
        ]
        said += [
            {"at": event["at"], "event": event["event"], "text": str(event["text"])}
            for event in self._events()
            if begun <= event["at"] - offset <= ended and event.get("epoch") is not None
        ]
        said.sort(key=lambda note: note["at"])
        return said[:NOTES]


class _Shown:
    """Turns what was found into plain values, as much as one answer may hold."""

    def __init__(
        self,
        wanted: Wanted,
        offset: float,
        nodes: Sequence[str],
        trunks: Mapping[str, Iterable[Flow]],
    ) -> None:
        self._wanted = wanted
        self._offset = offset
        self._nodes = nodes
        self._trunks = {(f.host, f.port): name for name, flows in trunks.items() for f in flows}
        self._left, self._room = MESSAGES, OCTETS
        self.cut = False
        self.last = wanted.after

    async def call(self, group: Sequence[_Found]) -> dict[str, Any]:
        """One call with as many of its messages as there is room for."""
        messages = []
        octets = 0
        for one in group:
            if self._left <= 0 or self._room < len(one.entry[2]):
                self.cut = True
                break
            self._left -= 1
            self._room -= len(one.entry[2])
            self.last = max(self.last, one.number)
            messages.append(self._message(one))
            octets += len(one.entry[2])
            if octets >= MASKED:
                octets = 0
                await asyncio.sleep(0)
        ids = dict.fromkeys(_text(one.call_id) for one in group)
        return {"call_ids": list(ids), "messages": messages}

    def _message(self, one: _Found) -> dict[str, Any]:
        at, flow, data, sent = one.entry
        shown = data if self._wanted.secrets else masked(data)
        local = flow.listener.bound
        message = {
            "n": one.number,
            "at": round(at + self._offset, 6),
            "sent": sent,
            "side": "inside" if flow.listener.inside else "outside",
            "party": self._party(flow),
            "transport": flow.listener.transport.name,
            "local": _place(*local),
            "remote": _place(flow.host, flow.port),
            "call_id": _text(one.call_id),
            "label": label(data),
            "text": _text(shown),
        }
        if self._wanted.octets:
            message["octets"] = base64.b64encode(shown).decode()
        return message

    def _party(self, flow: Flow) -> str:
        """Who is meant by people: a node or a trunk by its name, a phone by its extension."""
        if 0 <= flow.node < len(self._nodes):
            return self._nodes[flow.node]
        trunk = self._trunks.get((flow.host, flow.port))
        if trunk is not None:
            return trunk
        if flow.phone:
            return _text(flow.phone).partition("@")[0]
        return _place(flow.host, flow.port)


def label(data: bytes) -> str:
    """A message in one or two words: INVITE, or 200 (BYE)."""
    first, _, rest = data.lstrip(b"\r\n").partition(b"\n")
    words = first.split()
    if len(words) > 1 and words[0].upper() == b"SIP/2.0":
        method = re.search(rb"(?im)^cseq[ \t]*:[ \t]*[0-9]+[ \t]+([A-Za-z]+)", rest)
        of = "" if method is None or method[1] == b"INVITE" else f" ({method[1].decode()})"
        return _text(words[1][:3]) + of
    return _text(words[0][:20]) if words else ""


async def _with(
    pieces: Iterable[tuple[int, list[Entry]]], needles: Sequence[bytes]
) -> AsyncEntries:
    """Entries in which one of ``needles`` stands somewhere, with their numbers."""
    looked = 0
    for first, entries in pieces:
        for number, entry in enumerate(entries, first):
            data = entry[2]
            for needle in needles:
                if needle in data:
                    yield number, entry
                    break
        looked += len(entries) * (1 + len(needles) // 8)
        if looked >= SLICE:
            looked = 0
            await asyncio.sleep(0)


def _scanned(data: bytes) -> Message | None:
    try:
        return scan(data)
    except Malformed as error:
        return error.message
    except SipError:
        return None


def _names(message: Message, aor: str) -> bool:
    """Is this its caller, who is called, or where it goes?"""
    for value in (message.value(FROM), message.value(TO), message.uri):
        name = party(value or b"")
        if aor == (name if "@" in aor else name.partition("@")[0]):
            return True
    return False


def _sentence(note: Any) -> str:
    return f"{note.event}: {note.detail}" if note.detail else note.event


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _place(host: str, port: int) -> str:
    return f"{bracketed(host)}:{port}"


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    AsyncEntries = AsyncIterator[tuple[int, Entry]]
