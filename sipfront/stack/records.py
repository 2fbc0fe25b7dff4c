"""Call records: what became of each call, from its INVITE to its end (design, section 2: *call*).

Bookkeeping only: it is told what happened and decides nothing.  A call begins with an INVITE
without To-tag; an INVITE of a node that carries the X-Sipfront-Call of a live call is that call's
other leg, any other one is a call of its own.  A call ends with the leg that began it.

What changed is collected by the runtime (:meth:`Records.changes`), which writes it to a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import FROM, TO
from sipfront.stack.choice import CHALLENGES
from sipfront.stack.record import (
    CALLEE,
    CALLER,
    ENDED,
    FRONT,
    KEPT,
    NOBODY,
    NODE,
    RESTARTED,
    SILENCED,
    Record,
    begins,
    failed,
)
from sipfront.stack.transaction import PROCEEDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.plan import Plan
    from sipfront.stack.transaction import ServerTx

#: A call in set-up is written when its caller has heard something, or when it is so old (then it got
#: its 100 Trying).  Before that its INVITE is sent again after a kill of the front, and is seen then
#: (RFC 3261 17.1.1.2 timer A).
SETTLED = 0.2
#: A node passes a BYE on to the other leg within this time; the one who sent it ended the call.
PASSED_ON = 5.0
#: Other legs of one call that are remembered: a group that rings more phones than that is rare.
MAX_LEGS = 32
#: A set-up that nobody ended by then is over: timer C is 3 minutes for each hop of a call.
MAX_SET_UP = 900.0
#: A call in set-up when the front was killed: its INVITE comes again within timer B, or never.
RESUMED = 40.0
#: How often it is looked for set-ups that nobody will end.
SWEEP = 10.0


class Records:
    """The calls that are not over, and what changed since somebody asked."""

    __slots__ = (
        "_dialogs",
        "_dirty",
        "_fresh",
        "_gone",
        "_lasting",
        "_limit",
        "_live",
        "_sweep_at",
        "begun",
        "ended_calls",
        "follows_until",
    )

    def __init__(
        self,
        limit: int,
        fresh: Callable[[], bytes],
        lasting: Callable[[ServerTx], bytes] | None = None,
    ) -> None:
        """``limit``: live calls at most.  ``fresh`` makes names; ``lasting`` the one of a call that
        is the same when its INVITE comes again, to another front perhaps."""
        self._lasting = lasting
        self._limit = limit
        self._fresh = fresh
        self._live: dict[bytes, Record] = {}
        #: (Call-ID, tag of who sent the INVITE) of every leg
        self._dialogs: dict[tuple[bytes, bytes], Record] = {}
        self._dirty: dict[Record, None] | None = None
        self._gone: list[bytes] = []
        self._sweep_at = 0.0
        #: the calls that ended since somebody took them; None: nobody asks
        self.ended_calls: list[Record] | None = None
        #: until then other legs come of calls that the front before this one knew
        self.follows_until = 0.0
        #: calls so far
        self.begun = 0

    # -- what happens --------------------------------------------------------------------------

    def started(self, server: ServerTx, plan: Plan, epoch: int, now: float) -> None:
        """A request is about to be forwarded."""
        request = server.request
        if request is None:
            return
        leg = plan.leg
        if not server.invite:
            if leg is not None and request.method == b"BYE":
                self._bye(leg, server.flow.node < 0, now)
            return
        if leg is not None or request.to_tag:
            return
        key = (request.call_id, request.from_tag)
        known = self._dialogs.get(key)
        if server.flow.node < 0:
            if known is not None:
                self._again(known, plan)
                return
            record = self._half_known(server, key) or self._begin(
                self._name(server), request, key, now
            )
            record.callee = request.uri
            plan.correlation = record.id
        else:
            if plan.to_node:
                return  # one node to the other: a call that is known takes another way
            record_ = self._live.get(plan.correlation) or known
            if record_ is not None:
                self._second(record_, key, request, plan)
                return
            if plan.correlation and now < self.follows_until:
                self._half(request, key, plan, now)
                return
            record = self._begin(self._name(server), request, key, now)
            record.by_outside = False
            record.callee = plan.aor or request.value(TO) or request.uri
            record.given(server.flow.node)
        record.caller = request.value(FROM) or b""
        record.epoch = epoch
        if record.by_outside:
            record.trunk_in = plan.trunk
        else:
            record.trunk_out = plan.trunk
        plan.record = record

    def _half(self, request: Message, key: tuple[bytes, bytes], plan: Plan, now: float) -> None:
        """The other leg of a call that only the front before this one knew: its caller will come."""
        record = self._begin(plan.correlation, request, key, now)
        record.caller = request.value(FROM) or b""
        record.callee = plan.aor or request.value(TO) or request.uri
        record.half = True
        record.restored = now
        record.done |= RESTARTED
        plan.record = record
        plan.second = True

    def _half_known(self, server: ServerTx, key: tuple[bytes, bytes]) -> Record | None:
        """The caller of such a call, who says its INVITE again."""
        record = self._live.get(self._name(server)) if self.follows_until else None
        if record is None or not record.half:
            return None
        record.half = False
        record.restored = 0.0
        record.other, record.call_id, record.tag = record.call_id, key[0], key[1]
        record.keys.insert(0, key)
        self._dialogs[key] = record
        return record

    def _name(self, server: ServerTx) -> bytes:
        return self._fresh() if self._lasting is None else self._lasting(server)

    def _begin(self, name: bytes, request: Message, key: tuple[bytes, bytes], now: float) -> Record:
        if len(self._live) >= self._limit:
            self._close(next(iter(self._live.values())), NOBODY, now)
        if name in self._live:
            name = self._fresh()  # two calls are two, whatever their INVITEs look like
        record = Record(name, request.call_id, request.from_tag, now)
        record.keys.append(key)
        self._live[record.id] = self._dialogs[key] = record
        if self._dirty is not None:
            self._dirty[record] = None
        self.begun += 1
        return record

    def _again(self, record: Record, plan: Plan) -> None:
        """The INVITE of a call that is known: sent again, and this front is a new one."""
        if record.restored and not record.answered and not record.ended:
            record.restored = 0.0
            plan.record = record
            plan.correlation = record.id

    def _second(
        self, record: Record, key: tuple[bytes, bytes], request: Message, plan: Plan
    ) -> None:
        plan.record = record
        plan.second = True
        record.other = request.call_id
        record.trunk_out = plan.trunk or record.trunk_out
        if key in self._dialogs:
            record.proxied = True
        elif len(record.keys) < MAX_LEGS:
            record.keys.append(key)
            self._dialogs[key] = record

    def answering(self, server: ServerTx, status: int, now: float) -> None:
        """An answer to an INVITE is about to be sent."""
        plan = server.plan
        if plan is None or status <= 100:
            return
        record = plan.record
        if record is None or record.ended:
            return
        first = server.state == PROCEEDING
        if plan.second:
            if first and status >= 200:
                self._other_answered(record, server, plan, status)
            return
        if status < 200:
            if not record.rang:
                record.rang = now
        elif not first:
            return
        elif status < 300:
            record.status = status
            record.answered = now
            for branch in server.branches:
                if branch.final and not branch.abandoned and branch.node >= 0:
                    record.node = branch.node
        elif status in CHALLENGES:
            self._discard(record)
            return
        else:
            record.status = status
            self._close(record, failed(record, server, status), now)
            return
        if self._dirty is not None:
            self._dirty[record] = None

    def _other_answered(self, record: Record, server: ServerTx, plan: Plan, status: int) -> None:
        request = server.request
        if status >= 300:
            if status not in CHALLENGES:
                record.weak = status
        elif request is not None:
            record.reached = plan.aor or request.value(TO) or b""
            record.other = request.call_id
            record.trunk_out = plan.trunk
            if self._dirty is not None:
                self._dirty[record] = None

    def _bye(self, leg: Leg, outside: bool, now: float) -> None:
        record = self.of(leg)
        if record is None:
            return
        if not begins(record, leg):
            if outside:
                record.left = now
            return
        record.node = leg.owner
        if outside:
            self._close(record, CALLER if record.by_outside else CALLEE, now)
        elif record.left and now - record.left < PASSED_ON:
            self._close(record, CALLEE, record.left)
        else:
            self._close(record, NODE, now)

    def ended(self, leg: Leg, now: float) -> None:
        """The front ends a dialog in its node's name."""
        record = self.of(leg)
        if record is None:
            return
        begun = begins(record, leg)
        if begun and record.left and now - record.left < PASSED_ON:
            self._close(record, CALLEE, record.left)  # it only passes on what the other party said
            return
        record.done |= ENDED
        record.node = leg.owner
        if begun:
            self._close(record, FRONT, now)

    def silenced(self, server: ServerTx, now: float) -> None:
        """A node that was given up was ringing somebody: it goes on elsewhere, or is over."""
        plan = server.plan
        if plan is not None and plan.record is not None and not plan.record.ended:
            plan.record.done |= SILENCED
            if not plan.second:
                self._close(plan.record, FRONT, now)

    def kept(self, leg: Leg) -> None:
        """The call goes on without its node."""
        record = self.of(leg)
        if record is not None:
            record.done |= KEPT
            if self._dirty is not None:
                self._dirty[record] = None

    # -- inside --------------------------------------------------------------------------------

    def of(self, leg: Leg) -> Record | None:
        """The live call of a leg; which side began it is not known after everything was lost."""
        dialogs = self._dialogs
        record = dialogs.get((leg.call_id, leg.outside_tag))
        if record is None:
            record = dialogs.get((leg.call_id, leg.inside_tag))
        return record if record is not None else self._live.get(leg.correlation)

    def _close(self, record: Record, ender: str, now: float) -> None:
        record.ended = now
        record.ender = ender
        self._forget(record)
        if self._dirty is not None:
            self._dirty[record] = None
        if self.ended_calls is not None:
            self.ended_calls.append(record)

    def _discard(self, record: Record) -> None:
        """It was asked for credentials: the call begins with the INVITE that carries them."""
        record.ended = record.began
        self.begun -= 1
        self._forget(record)
        if self._dirty is not None:
            self._dirty.pop(record, None)
            if record.saved:
                self._gone.append(record.id)

    def _forget(self, record: Record) -> None:
        self._live.pop(record.id, None)
        for key in record.keys:
            if self._dialogs.get(key) is record:
                del self._dialogs[key]

    # -- for the runtime -----------------------------------------------------------------------

    @property
    def live(self) -> list[Record]:
        """The calls that are not over, oldest first."""
        return list(self._live.values())

    def __len__(self) -> int:
        return len(self._live)

    def track(self) -> None:
        """From now on note what changes; somebody will ask."""
        self._dirty = {}

    def restore(self, record: Record, now: float) -> None:
        """A call of before the front's restart that was not over."""
        record.restored = now
        record.saved = True
        record.done |= RESTARTED
        self._live[record.id] = record
        for key in record.keys:
            self._dialogs[key] = record

    def lost(self, record: Record, now: float) -> None:
        """A call of before, of which nothing is known any more."""
        self._close(record, NOBODY, now)

    def gone(self, legs: list[Leg], now: float) -> None:
        """These legs were removed, whatever the reason: calls that they began are over."""
        for leg in legs:
            record = self.of(leg)
            if record is not None and record.answered and begins(record, leg):
                self._close(record, NODE if record.left == 0.0 else CALLEE, now)

    def named(self, name: bytes) -> Record | None:
        """The live call of that name."""
        return self._live.get(name)

    def changes(self, now: float) -> tuple[list[Record], list[bytes]]:
        """The calls that changed since the last time, and the names of those that were none."""
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP
            self._sweep(now)
        dirty = self._dirty
        if dirty is None or not (dirty or self._gone):
            return [], []
        self._dirty = {}
        told = []
        for record in dirty:
            heard = record.rang or record.answered or record.ended
            if heard or now - record.began >= SETTLED:
                record.saved = True
                told.append(record)
            else:
                self._dirty[record] = None
        gone, self._gone = self._gone, []
        return told, gone

    def _sweep(self, now: float) -> None:
        for record in list(self._live.values()):
            if not record.answered:
                begun = record.restored or record.began
                if now - begun > (RESUMED if record.restored else MAX_SET_UP):
                    self._close(record, NOBODY, now)
