"""What the store cannot have yet, written at once: INVITEs under way, and the ends of calls.

The store is up to 50 ms behind, and a ringing call is nowhere but in memory.  So before the caller
is told something, and before a call's end is told, it is appended to a journal in memory
(:mod:`sipfront.store.journal`); the next front goes on with what it finds there.  Without a folder
in memory, or when that is full, the front works as it does without: it says so, nothing else.
Imported by the runtime only.
"""

from __future__ import annotations

import marshal
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sipfront.runtime.persist import MARSHAL, place_of
from sipfront.sip.errors import SipError
from sipfront.stack.record import RESTARTED
from sipfront.stack.setups import ANSWERED, FAILED, TOLD, Held, News
from sipfront.stack.shared import Refusal
from sipfront.store.calls import CallRow
from sipfront.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.runtime.persist import Persist
    from sipfront.runtime.records import Recorder
    from sipfront.stack.flows import Flow
    from sipfront.stack.front import Engine

#: Where files live in memory, when systemd gives no RuntimeDirectory.
SHM = Path("/dev/shm")
#: After this nobody waits for an answer any more that did not come (64*T1, RFC 3261 17.1.2.2), and
#: a node has forgotten the INVITE: what is older is not sent again.
FRESH = 32.0
#: INVITEs under way and ends not yet on disk, at most; at 5 kB each 100 MB.  The oldest go first.
MOST = 20_000
#: How often a file in which something counts is touched, seconds.
TOUCH = 1.0
#: Kinds of entries that are no news of the engine.
OVER, FORGET = 10, 11
#: INVITE, place, node, correlation, began, rang, place it was sent to, URI there, trunk.
PARTS = 9


def where(store: str) -> Path | None:
    """The journal that belongs to a store; None: there is none."""
    if store == "memory":
        return None
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    folder = Path(named) if named else SHM
    if not folder.is_dir():
        return None
    path = str(Path(store.removeprefix("sqlite://")).absolute()).encode()
    digest = blake2b(path, digest_size=8).hexdigest()
    return folder / f"sipfront-{os.geteuid()}-{digest}.journal"


class Tell(Protocol):
    """Where an event goes (:meth:`sipfront.runtime.supervisor.Supervisor.record`)."""

    def __call__(self, kind: str, text: str, *, loud: bool = False) -> None:
        """An event and its text; ``loud``: somebody should look."""


class Journaling:
    """One engine and one journal."""

    def __init__(
        self,
        engine: Engine,
        persist: Persist,
        recorder: Recorder,
        store: str,
        offset: float,
        tell: Tell,
    ) -> None:
        """``offset``: wall clock minus monotonic clock, seconds; ``tell``: an event and its text."""
        path = where(store)
        self.journal = None if path is None else Journal(path)
        self._tell = tell
        if self.journal is not None and self.journal.trouble:
            text = f"calls in set-up may be forgotten: {self.journal.trouble}"
            tell("journal_unread", text, loud=True)
        self.resumed = self.lost = self.dropped = 0
        self._engine = engine
        self._persist = persist
        self._recorder = recorder
        self._offset = offset
        #: what counts, by key, with the entries that say so
        self._live: dict[bytes, list[bytes]] = {}
        #: keys that stop to count when what was put by then is on disk
        self._settling: list[tuple[int, bytes]] = []
        self._turn = 0
        self._touched = 0.0

    # -- at a start ----------------------------------------------------------------------------

    def restore(self, *, remembered: bool, now: float) -> None:
        """Calls, their ends, and INVITEs under way; when the dialogs are back."""
        told, answers, over = self._read()
        ended = {row.id.encode("latin-1") for row in over}

        def between() -> None:
            for key, value in told.items():
                if value[3] in ended:
                    continue
                answer = answers.get(key)
                if self._resume(value, answer, now):
                    self._keep(key, _entry(TOLD, key, value))
                    if answer is not None:
                        self._keep(key, _entry(ANSWERED, key, answer), done=True)

        self._recorder.restore(remembered=remembered, now=now, over=over, between=between)
        if self.journal is None:
            return
        self._engine.shared.setups.news = []
        self._engine.shared.records.ended_calls = []
        for row in over:
            self._keep(b"call " + row.id.encode("latin-1"), self._over(row), done=True)
        self._anew()
        if self.resumed or self.lost or self.dropped:
            text = f"{self.resumed} INVITEs that were under way go on"
            if self.lost or self.dropped:
                text += f", {self.lost + self.dropped} could not"
            self._tell("resumed", text)

    def _read(self) -> tuple[dict[bytes, Any], dict[bytes, Any], list[CallRow]]:
        """INVITEs under way, the answers to some of them, and calls that are over."""
        told: dict[bytes, Any] = {}
        answers: dict[bytes, Any] = {}
        over: dict[bytes, CallRow] = {}
        for entry in self.journal.entries if self.journal is not None else ():
            try:
                kind, key, value = marshal.loads(entry)
                if kind == TOLD:
                    told[key] = _whole(value)
                elif kind == ANSWERED:
                    answers[key] = value
                elif kind == OVER:
                    over[key] = CallRow(*value)
                elif kind == FAILED:
                    told.pop(key, None)
                elif kind == FORGET:
                    for name in value:
                        for table in (told, answers, over):
                            table.pop(name, None)
            except (ValueError, TypeError, EOFError):
                self.dropped += 1
        if self.journal is not None:
            self.journal.entries = []
        return told, answers, list(over.values())

    def _resume(self, value: Any, answer: Any, now: float) -> bool:
        """One INVITE goes on, or what its answer taught is learnt again."""
        if answer is None and self.journal is not None and self.journal.age > FRESH:
            self.lost += 1
            return False
        try:
            octets, place, node, correlation, began, rang, to, uri, trunk = value
            flow = self._flow(place)
            if answer is not None:
                node, octets_back, answered = answer
            if flow is None:
                self.lost += 1
                return False
            said = b"" if answer is None else octets_back
            goes = self._persist.flow(to)
            held = Held(octets, flow, node, correlation, said, goes, uri, trunk)
            record = self._engine.care.resume_setup(held, now)
        except (ValueError, TypeError, SipError, Refusal):
            self.lost += 1
            return False
        self.resumed += 1
        if record is None:
            return True
        record.done |= RESTARTED
        if flow.node < 0 or not record.by_outside:
            record.began = began - self._offset
            record.rang = rang - self._offset if rang else record.rang
            if answer is not None and (record.by_outside == (flow.node < 0)):
                record.answered = answered - self._offset
        return True

    def _flow(self, place: Any) -> Flow | None:
        node, listener, rest = place
        if node < 0:
            return self._persist.flow(rest)
        flows: tuple[Flow, ...] = self._engine.shared.pair.links[node].flows
        for flow in flows:
            if flow.listener.index == listener:
                return flow
        return flows[0] if flows else None

    # -- while it runs -------------------------------------------------------------------------

    def write(self) -> None:
        """Before anything is sent: what must be known by then."""
        if self.journal is None:
            return
        shared = self._engine.shared
        news, closed = shared.setups.news, shared.records.ended_calls
        if not news and not closed:
            return
        entries: list[bytes] = []
        if news:
            shared.setups.news = []
            entries = [self._noted(one) for one in news]
        if closed:
            shared.records.ended_calls = []
        for record in closed or ():
            row = self._recorder.last(record)
            entry = self._over(row)
            entries.append(entry)
            self._keep(b"call " + record.id, entry, done=True)
        self._do(lambda journal: journal.append(entries))
        if self.journal is not None and self.journal.grown:
            self._anew()

    def _noted(self, news: News) -> bytes:
        key, record = news.key, news.record
        if news.kind == TOLD:
            flow = news.flow
            place = (flow.node, flow.listener.index, None if flow.node >= 0 else place_of(flow))
            began = 0.0 if record is None else record.began + self._offset
            rang = record.rang + self._offset if record is not None and record.rang else 0.0
            goes = (place_of(news.to), news.uri, news.trunk)
            value = (news.octets, place, news.node, news.correlation, began, rang, *goes)
            entry = _entry(TOLD, key, value)
            self._live.pop(key, None)
            self._keep(key, entry)
            return entry
        if news.kind == FAILED:
            self._live.pop(key, None)
            return _entry(FAILED, key, None)
        answered = 0.0 if record is None else record.answered + self._offset
        entry = _entry(ANSWERED, key, (news.node, news.octets, answered))
        self._keep(key, entry, done=True)
        return entry

    def _over(self, row: CallRow) -> bytes:
        return _entry(OVER, b"call " + row.id.encode("latin-1"), tuple(row))

    def _keep(self, key: bytes, entry: bytes, *, done: bool = False) -> None:
        live = self._live
        if key not in live and len(live) >= MOST:
            del live[next(iter(live))]
            self.lost += 1
        live.setdefault(key, []).append(entry)
        if done:
            self._settling.append((self._turn, key))

    def settle(self, now: float) -> None:
        """The saver's turn, before it puts what is new: is on disk what it put before?"""
        if self.journal is None:
            return
        settling = self._settling
        if settling and not self._behind():
            gone = [key for turn, key in settling if turn < self._turn]
            if gone:
                del settling[: len(gone)]
                for key in gone:
                    self._live.pop(key, None)
                self._do(lambda journal: journal.append([_entry(FORGET, b"", gone)]))
        elif len(settling) > MOST:
            del settling[: len(settling) - MOST]
        self._turn += 1
        if not self._live and self.journal is not None and self.journal.idle:
            self._anew()
        if self._live and now - self._touched >= TOUCH:
            self._touched = now
            self._do(Journal.touch)

    def _behind(self) -> bool:
        """Whether anything that was put is not on disk yet."""
        waiting = getattr(self._persist.store, "waiting", int)
        return bool(waiting() or self._recorder.store.waiting())

    def close(self) -> None:
        """The front ends in order, and has saved what it knows; the next one goes on with the rest."""
        if self.journal is None:
            return
        for _, key in self._settling:
            self._live.pop(key, None)
        if self._live:
            self._anew()
        self.journal.close(remove=not self._live)

    def _anew(self) -> None:
        entries = [entry for entries in self._live.values() for entry in entries]
        if self.journal is not None and (entries or self.journal.grown or self.journal.used):
            self._do(lambda journal: journal.begin_anew(entries))

    def _do(self, what: Callable[[Journal], None]) -> None:
        """A write; when it fails the front goes on without a journal, and nothing old is believed."""
        journal = self.journal
        if journal is None:
            return
        try:
            what(journal)
        except OSError as error:
            self.journal = None
            self._engine.shared.setups.news = None
            self._engine.shared.records.ended_calls = None
            journal.close(remove=True)
            text = (
                f"calls in set-up would be forgotten by a restart: {journal.path}: {error.strerror}"
            )
            self._tell("journal_lost", text, loud=True)


def _entry(kind: int, key: bytes, value: Any) -> bytes:
    return marshal.dumps((kind, key, value), MARSHAL)


def _whole(value: Any) -> Any:
    """What is kept of an INVITE, if it is that."""
    if len(value) != PARTS:
        raise ValueError("not an INVITE")
    return value
