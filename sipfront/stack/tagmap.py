"""Callers that take one early dialog: the first To-tag is kept for the life of the dialog.

Such a caller heard it ring under a tag of a node that then died.  The node that the call went to
answers under a tag of its own; outside it is called by the old one.  So tags, RSeq and RAck (RFC
3262), CSeq of requests that the front put in between, and the ``o=`` line of descriptions that
follow on one of the dead node (RFC 3264 section 8) are mapped, in both directions.

Only for peers of which the configuration says so: everybody else is told a second early dialog.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipfront.sip.answer import description
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CONTENT_LENGTH, CSEQ, FROM, RACK, RSEQ, TO
from sipfront.sip.message import MAX_NUMBER, Message, scan, splice
from sipfront.sip.sdp import parse
from sipfront.stack.dialog import Leg
from sipfront.stack.peers import two_early_dialogs
from sipfront.stack.plan import dialog_named

if TYPE_CHECKING:
    from sipfront.sip.message import Edit
    from sipfront.stack.plan import Plan
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: What a store keeps of it, in this order.
_STORED = ("tag", "own", "out_shift", "in_shift", "origin", "version", "last")


class Kept:
    """One dialog that is called otherwise outside than at its node.

    ``tag``: what the outside calls the node, ``own``: what the node calls itself (b"": none has
    answered yet).  ``rseq``: the highest RSeq that went outside; RAcks up to ``floor`` are for a
    node that is gone.  ``told``: the last description that went outside before the node died,
    ``answer``: the present node's; ``offer``: what the caller said in its INVITE; ``stale``: the
    outside still holds the dead node's for the answer.
    ``out_shift``, ``in_shift``: what is added to CSeqs on their way out and in.
    """

    __slots__ = (
        "answer",
        "cseq",
        "floor",
        "in_shift",
        "last",
        "moved",
        "new",
        "offer",
        "origin",
        "out_shift",
        "own",
        "rseq",
        "rseq_shift",
        "stale",
        "tag",
        "told",
        "version",
    )

    def __init__(self, tag: bytes, own: bytes, cseq: int = 0) -> None:
        """``cseq``: that of the INVITE."""
        self.tag = tag
        self.own = own
        self.cseq = cseq
        self.rseq = 0
        self.rseq_shift = 0
        self.floor = 0
        self.moved = own != tag  #: the node that used ``tag`` is gone
        self.new = False  #: nothing reliable came from the present node yet
        self.told = b""
        self.answer = b""
        self.offer = b""
        self.stale = False
        self.out_shift = 0
        self.in_shift = 0
        #: what stands before and after the version in ``o=`` outside; b"" while nothing is mapped
        self.origin: tuple[bytes, bytes] = (b"", b"")
        self.version = 0
        self.last = b""  #: the node's last ``o=``

    @property
    def apart(self) -> bool:
        """Whether the two sides call the node by different tags."""
        return self.own != self.tag

    def stored(self) -> tuple[object, ...]:
        """The values that must outlive the front."""
        return tuple(getattr(self, name) for name in _STORED)

    @classmethod
    def restored(cls, values: tuple[object, ...]) -> Kept:
        """The same again; raises ValueError for a tuple of another length."""
        kept = cls(b"", b"")
        for name, value in zip(_STORED, values, strict=True):
            setattr(kept, name, value)
        return kept

    # -- the INVITE ----------------------------------------------------------------------------

    def orphaned(self) -> None:
        """The node died while it rang; another one will answer."""
        self.moved = True
        self.own = b""
        self.floor = self.rseq
        self.answer = b""
        if self.told and not self.stale:
            self.stale = True
            self._follow_on(self.told)

    def heard(self, message: Message) -> None:
        """An answer to the INVITE is about to be passed."""
        if message.to_tag != self.own:
            if not self.moved:
                return  # another fork of the node: two early dialogs, as without us
            self.own = message.to_tag
            self.new = True
        body = description(message)
        if body and self.stale:
            self.answer = body
        elif body:
            self.told = body

    def settled(self, message: Message) -> None:
        """A 2xx of a later exchange: both sides hold each other's descriptions now."""
        if description(message):
            self.stale = False

    def _follow_on(self, body: bytes) -> None:
        """RFC 3264 section 8: what follows on ``body`` has its ``o=`` with a higher version."""
        try:
            sdp = parse(body)
        except Malformed:
            return
        before, _, after = sdp.origin.partition(b" " + sdp.session + b" " + sdp.version + b" ")
        self.origin = (b"%b %b " % (before, sdp.session), b" " + after)
        self.version = int(sdp.version)

    # -- messages ------------------------------------------------------------------------------

    def outward(self, message: Message, cseq: int) -> Message:
        """A message of the node as the outside is to see it, with this CSeq."""
        edits: list[Edit] = []
        self._tag(message, TO if message.status else FROM, self.own, self.tag, edits)
        self._cseq(message, cseq, edits)
        number = _number(message, RSEQ) if message.cseq == self.cseq else 0
        if number:
            if self.new:
                # RFC 3262 section 4: the next one is one higher, or it is not acknowledged.
                self.rseq_shift = self.rseq + 1 - number if self.rseq else 0
                self.new = False
            number += self.rseq_shift
            self.rseq = max(self.rseq, number)
            field = message.field(RSEQ)
            if self.rseq_shift and field is not None:
                edits.append((field[2], field[3], b"%d" % number))
        self._origin(message, edits)
        return scan(splice(message, edits)) if edits else message

    def inward(self, message: Message) -> Message:
        """A request of the outside as the node is to see it."""
        edits: list[Edit] = []
        self._tag(message, TO, self.tag, self.own, edits)
        self._cseq(message, message.cseq + self.in_shift, edits)
        field = message.field(RACK)
        if field is not None:
            numbers = (message.value(RACK) or b"").split()
            if len(numbers) == 3 and numbers[0].isdigit() and numbers[1].isdigit():
                first, cseq = int(numbers[0]), int(numbers[1])
                if cseq == self.cseq:
                    first -= self.rseq_shift
                else:
                    cseq += self.in_shift
                edits.append((field[2], field[3], b"%d %d %b" % (first, cseq, numbers[2])))
        return scan(splice(message, edits)) if edits else message

    def late(self, message: Message) -> bool:
        """Whether a PRACK is for what a node that is gone has sent."""
        number = (message.value(RACK) or b"").split(b" ")[0]
        return number.isdigit() and int(number) <= self.floor

    def called_inside(self, value: bytes) -> bytes:
        """A From or To value of the outside with the tag that the node has for itself."""
        return _retagged(value, self.tag, self.own)

    def number_out(self, leg: Leg, message: Message) -> int:
        """The CSeq of a request of the node: never below what went outside before (12.2.2)."""
        return self._number(leg.inside_cseq, message, inside=True)

    def number_in(self, leg: Leg, message: Message) -> int:
        """The same for a request of the outside."""
        return self._number(leg.outside_cseq, message, inside=False)

    def _number(self, highest: int, message: Message, *, inside: bool) -> int:
        shift = self.out_shift if inside else self.in_shift
        if message.method not in (b"ACK", b"CANCEL") and message.cseq + shift <= highest:
            shift = highest + 1 - message.cseq
            if inside:
                self.out_shift = shift
            else:
                self.in_shift = shift
        return min(message.cseq + shift, MAX_NUMBER)

    # -- edits ---------------------------------------------------------------------------------

    def _tag(self, message: Message, hid: int, old: bytes, new: bytes, edits: list[Edit]) -> None:
        field = message.field(hid)
        if field is None or old == new or not old or not new:
            return
        value = message.data[field[2] : field[3]]
        changed = _retagged(value, old, new)
        if changed != value:
            edits.append((field[2], field[3], changed))

    def _cseq(self, message: Message, cseq: int, edits: list[Edit]) -> None:
        field = message.field(CSEQ)
        if field is not None and cseq != message.cseq:
            edits.append((field[2], field[3], b"%d %b" % (cseq, message.cseq_method)))

    def follow(self, body: bytes) -> bytes:
        """A description of the node as one that follows on that of the dead one."""
        if not self.origin[0] or not body:
            return body
        try:
            sdp = parse(body)
        except Malformed:
            return body
        if sdp.origin != self.last:
            self.last = sdp.origin
            self.version += 1
        start, end = sdp.origin_span
        return b"%b%b%d%b%b" % (
            body[:start],
            self.origin[0],
            self.version,
            self.origin[1],
            body[end:],
        )

    def _origin(self, message: Message, edits: list[Edit]) -> None:
        body = description(message) if self.origin[0] else b""
        told = self.follow(body)
        if told == body:
            return
        edits.append((message.body_start, message.body_end, told))
        length = message.field(CONTENT_LENGTH)
        if length is not None:
            edits.append((length[2], length[3], b"%d" % len(told)))


def begin(shared: Shared, server: ServerTx, plan: Plan, message: Message) -> None:
    """The first 18x of a call to a caller that takes only one early dialog is about to be passed."""
    request = server.request
    if request is None or not message.to_tag or not 100 < message.status < 200:
        return
    if two_early_dialogs(shared.settings, plan.trunk, server.flow.host, request):
        return
    plan.kept = Kept(message.to_tag, message.to_tag, request.cseq)
    plan.kept.offer = description(request)


def adopt(shared: Shared, leg: Leg, kept: Kept, client: ClientTx) -> None:
    """The early dialog of a node that is gone lives on at the node that answered ``client``."""
    if leg.kept is kept and leg.owner == client.node and not leg.lost:
        shared.legs.alias(leg)  # that node has another tag now, at most
        return
    leg.kept = kept
    leg.lost = False
    shared.legs.rehome(leg, client.node)
    leg.epoch = shared.pair.route.epoch
    leg.inside_flow = client.flow
    leg.inside_target = client.sent.split(b" ", 2)[1]
    leg.inside_routes = b""
    shared.legs.alias(leg)
    client.legs.append(leg)
    shared.count("ringing calls kept under one tag")


def leg_of(shared: Shared, message: Message, node: int, token: bytes | None) -> Leg:
    """A dialog of which only the token in a node's request tells."""
    opened = shared.tokens.open(token.lower()) if token is not None else None
    tag = opened.tag if opened is not None else b""
    leg = Leg(message.call_id, message.to_tag, tag or message.from_tag, node)
    if tag:
        leg.kept = Kept(tag, message.from_tag)
    return leg


def renamed(shared: Shared, value: bytes, *, inward: bool, quoted: bool = False) -> bytes:
    """A Replaces, Join or Target-Dialog value that names a dialog of two names, for the other side.

    ``quoted``: it stands escaped in a URI (RFC 3261 19.1.1).
    """
    plain = value
    if quoted:
        plain = value.replace(b"%3B", b";").replace(b"%3b", b";").replace(b"%3D", b"=")
        plain = plain.replace(b"%3d", b"=").replace(b"%40", b"@")
    call_id, to_tag, from_tag = dialog_named(plain.partition(b"&")[0])
    legs = shared.legs
    leg = legs.find(call_id, from_tag, to_tag) or legs.find(call_id, to_tag, from_tag)
    if leg is None or leg.kept is None or not leg.kept.apart:
        return value
    old, new = leg.kept.own, leg.kept.tag
    if inward:
        old, new = new, old
    pattern = rb"(-tag(?:=|%3[Dd]))" + re.escape(old) + rb"(?=;|&|\s|%3[Bb]|$)"
    return re.sub(pattern, lambda found: found[1] + new, value)


def _retagged(value: bytes, old: bytes, new: bytes) -> bytes:
    """A From or To value with another tag."""
    at = value.rfind(b">") + 1
    pattern = rb"(;\s*tag\s*=\s*)" + re.escape(old) + rb"(?=\s*(?:;|$))"
    tail = re.sub(pattern, lambda found: found[1] + new, value[at:], count=1, flags=re.IGNORECASE)
    return value[:at] + tail


def _number(message: Message, hid: int) -> int:
    value = message.value(hid)
    return int(value) if value is not None and value.isdigit() and len(value) < 11 else 0
