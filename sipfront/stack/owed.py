"""Dialogs that are over while their node does not know it: it is told when it returns.

A node that slept, or was cut off, comes back with calls that have ended without it, or go on
without it.  A BYE in the place of the outside party ends each of them there, and by that whatever
the node would still do for them.  What is owed outlives the front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.forward import routed
from sipfront.stack.local import speak
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.pair import Link
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared

#: Dialogs of one node; 10,000 calls have 20,000.
MAX_OWED = 20_000
#: RFC 3326: what the node's log shows.
REASON = b'Reason: SIP;cause=481;text="Ended during a failover"\r\n'


class Telling:
    """One BYE to a node, until it is answered."""

    __slots__ = ("_leg", "_owed")

    def __init__(self, owed: Owed, leg: Leg) -> None:
        self._owed = owed
        self._leg = leg

    def answered(self, client: ClientTx, message: Message, now: float) -> None:  # noqa: ARG002
        """Whatever it says: it knows now."""
        if message.status >= 200:
            self._owed.done(self._leg)

    def failed(self, now: float) -> None:  # noqa: ARG002
        """It was not there after all."""
        self._owed.again(self._leg)


class Owed:
    """What each node has to be told."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._owed: list[dict[bytes, Leg]] = [{} for _ in shared.settings.nodes]
        self._changed: dict[bytes, Leg | None] | None = None
        #: the front was restarted: a node that seems to be there may have returned meanwhile
        self.unsure = False

    def add(self, leg: Leg) -> None:
        """A call ended while its node is away, or goes on without it."""
        owed = self._owed[leg.owner]
        known = leg.inside_target and leg.outside_party and leg.inside_party
        if leg.kind == b"INVITE" and known and len(owed) < MAX_OWED and leg.key not in owed:
            owed[leg.key] = leg
            if self._changed is not None:
                self._changed[leg.key] = leg

    def back(self, link: Link, now: float, reason: bytes = REASON) -> None:
        """A node answers (again): end there what is over."""
        owed = self._owed[link.node]
        self._owed[link.node] = {}
        for leg in owed.values():
            flow = leg.inside_flow
            if flow is None:
                continue
            uri, routes = routed(leg.inside_target, leg.inside_routes)
            branch = b"z9hG4bK" + self._shared.fresh()
            via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
            leg.outside_cseq += 1
            itself = leg.inside_party
            if leg.kept is not None:
                itself = leg.kept.called_inside(itself)
            parties = (leg.outside_party, itself)
            data = speak(b"BYE", uri, via, routes, *parties, leg.call_id, leg.outside_cseq, reason)
            client = ClientTx(branch, data, flow, link.node, False, None, now)
            client.task = Telling(self, leg)
            self._proxy.layer.open_client(client, now, link.interval)

    def done(self, leg: Leg) -> None:
        """The node knows."""
        if self._changed is not None:
            self._changed[leg.key] = None

    def again(self, leg: Leg) -> None:
        """The node may still not know."""
        self._owed[leg.owner].setdefault(leg.key, leg)

    def waits(self, node: int) -> int:
        """How many dialogs a node has to be told of."""
        return len(self._owed[node])

    def track(self) -> None:
        """From now on note what changes, somebody will ask; what is owed already is of before."""
        self._changed = {}
        self.unsure = any(self._owed)

    def changes(self) -> dict[bytes, Leg | None]:
        """What is owed newly, None for what is not any more."""
        changed = self._changed
        if not changed:
            return {}
        self._changed = {}
        return changed
