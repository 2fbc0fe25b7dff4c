"""Registrations over time: what a phone's REGISTER starts, and what their two clocks end.

A phone's clock is short, a node's is long.  A REGISTER that changes nothing is answered here
(:mod:`sipfront.stack.refresh`), every other one goes to a node when its turn has come
(:mod:`sipfront.stack.gate`).  When a phone's own clock ends, the binding is gone for everybody.

Where the credentials are known, the front keeps the nodes' clocks itself: it refreshes each binding
at the active node from half-life on, keeps it at the standby too (continuity ``mirror``), removes
it when the phone is gone, and tells everything again to a node that lost its memory
(:mod:`sipfront.stack.mirror`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sipfront.stack.gate import Gate
from sipfront.stack.mirror import Kind, Mirror
from sipfront.stack.pace import Turn
from sipfront.stack.reach import Reach
from sipfront.stack.refresh import judge
from sipfront.stack.route import NodeState, Route

if TYPE_CHECKING:
    from sipfront.stack.bindings import Binding
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: Between two looks at a slice of the bindings, and looks until each of them was seen once: an
#: expired one is found within 10 s, and no look is longer than a millisecond or two at 100,000.
LOOK = 0.25
LOOKS = 40
#: Bindings of one look at least.
SLICE = 50
#: The same after a change of role or a loss, when every binding may need something at once.
HURRY = 0.01
HURRY_SLICE = 500
#: Between two questions whether a node still has a binding that it accepted.
ASK = 5.0
#: A binding that is asked for must last this long, or it may just have ended.
ASK_LEFT = 30.0
#: What was told to a node is looked at again after so long, seconds.
AGAIN = 5.0
#: Bindings of which one is asked for.
CANARIES = 16
#: A second one that is missing within so many seconds means that all are.
DOUBT = 30.0
#: Removals remembered while a node cannot be told; the rest ages out there.
MAX_OWED = 20_000
#: Our own REGISTERs that wait for a node at most; more are found by the next look.
MAX_OWN = 5_000

_OWN = (Turn.OWN_PROOF, Turn.OWN_SOON, Turn.OWN)
#: Why a REGISTER that is nothing but a refresh was passed.
_REFRESHES = frozenset(("half-life", "ends at the node", "not at the node"))


class Registrations:
    """The transaction user of REGISTER, and the keeper of bindings."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        nodes = len(shared.settings.nodes)
        self.gate = proxy.gate = Gate(shared, proxy)
        self.queues = self.gate.queues
        self.mirror = Mirror(shared, proxy, self.queues)
        self.reach = Reach(shared, self.mirror)
        self._mirrors = shared.settings.registering.continuity in ("mirror", "auto")
        self._names: list[bytes] = []
        self._at: float | None = None
        self._hurry = False
        #: what was granted before this is told to the node again
        self._since = [0.0] * nodes
        #: the names of the present round, for a look anywhere
        self._all: list[bytes] = []
        self._asked = [0.0] * nodes
        #: bindings that have ended and are still to be removed at a node
        self._owed: list[dict[bytes, Binding]] = [{} for _ in range(nodes)]
        self._doubted = [0.0] * nodes
        shared.registrar.watcher = self

    # -- a phone speaks ------------------------------------------------------------------------

    def start(self, server: ServerTx, plan: Plan, now: float) -> None:
        """A REGISTER from outside: answer it, or take it to a node."""
        registration, request = plan.registration, server.request
        if registration is None or request is None:
            return
        for entry in registration.entries:
            entry.binding.local = plan.local
        verdict = judge(self._shared, registration, request, now)
        if verdict.status == 0:
            self._shared.count("REGISTER passed: " + verdict.why)
            for entry in registration.entries:
                self._forget(entry.binding.name)
            plan.turn = Turn.REFRESH if verdict.why in _REFRESHES else Turn.CHANGED
            self._proxy.start(server, plan, now)
            return
        self._shared.count(
            "refreshes answered here" if verdict.status == 200 else "refused: " + verdict.why
        )
        self._proxy.refuse(server, verdict.status, now, verdict.extra)

    # -- a node spoke --------------------------------------------------------------------------

    def registered(self, binding: Binding, node: int, now: float) -> None:
        """A phone's REGISTER was accepted by a node: the others are told."""
        self._forget(binding.name)
        self.reach.put(node, now)
        if self._mirrors:
            self._keep(binding, now)

    def unregistered(self, binding: Binding, now: float) -> None:
        """A binding has ended: the nodes that still have it are told."""
        self.mirror.forget(binding.name)
        self._remove(binding, now)

    def _remove(self, binding: Binding, now: float) -> None:
        if self._shared.accounts.of(binding.aor) is None:
            return
        for node, place in self._places():
            owed = self._owed[node]
            if binding.held[place] > now and len(owed) < MAX_OWED:
                owed[binding.name] = binding
        self._pay(now)

    def _pay(self, now: float) -> None:
        """Have removed what is still at a node that can be told."""
        pair = self._shared.pair
        for node, place in self._places():
            owed = self._owed[node]
            if not owed or pair.down(node) or pair.links[node].suspect:
                continue
            for name, binding in list(islice(owed.items(), SLICE)):
                gone = binding.held[place] <= now or self._shared.bindings.get(name) is not None
                if gone or not self.mirror.want(binding, node, Kind.REMOVE, now, soon=False):
                    del owed[name]
                    if not gone:  # not now: it goes behind the others
                        owed[name] = binding

    def _forget(self, name: bytes) -> None:
        """The phone itself speaks: what was to be said of it is out of date."""
        self.mirror.forget(name)
        for owed in self._owed:
            owed.pop(name, None)

    def _places(self) -> list[tuple[int, int]]:
        """Nodes that are spoken to, and where their clock stands in a binding."""
        route = self._shared.pair.route
        place = self._shared.registrar.place
        return [
            (node, place(node))
            for node in range(len(self.queues))
            if node == route.active or place(node) == node
        ]

    # -- time ----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When :meth:`expire` has something to do; None without bindings."""
        at = self._at
        if at is None and len(self._shared.bindings):
            return 0.0
        for queue in self.queues:
            turn = queue.next_deadline()
            if turn is not None and (at is None or turn < at):
                at = turn
        return at

    def expire(self, now: float) -> None:
        """Whose turn it is goes; the next slice of the bindings is looked at, if it is time."""
        for queue in self.queues:
            queue.drain(now)
        if self._at is None or now >= self._at:
            self._look(now)
            for queue in self.queues:
                queue.drain(now)

    def _look(self, now: float) -> None:
        bindings = self._shared.bindings
        count = len(bindings)
        if not count and not self._names and not self.reach.busy and not any(self._owed):
            self._at = None
            return
        self._at = now + (HURRY if self._hurry else LOOK)
        if not self._names:
            self._names = bindings.names()
            self._all = self._names.copy()
        least = HURRY_SLICE if self._hurry else SLICE
        for _ in range(min(max(least, count // LOOKS), len(self._names))):
            binding = bindings.get(self._names.pop())
            if binding is None:
                continue
            if binding.due > now and not self._hurry:
                continue
            if binding.expires <= now:
                self._expired(binding, now)
            else:
                self._keep(binding, now)
        if not self._names:
            self._hurry = False
        self._pay(now)
        self._ask(now)
        for binding, node in self._missed():
            self._missing(binding, node, now)
        self.reach.look(now)

    def _expired(self, binding: Binding, now: float) -> None:
        self._shared.count("bindings expired")
        self._shared.bindings.remove(binding)
        self.mirror.forget(binding.name)
        self._remove(binding, now)

    def _keep(self, binding: Binding, now: float) -> None:
        """Tell the nodes that lack a binding, or will soon."""
        shared = self._shared
        binding.due = binding.expires
        if shared.accounts.of(binding.aor) is None:
            return
        active = shared.pair.route.active
        spread = int(binding.name[1:3], 16) / 2560  # up to a tenth of the interval
        for node, place in self._places():
            if shared.pair.down(node) or (node != active and not self._mirrors):
                continue
            granted = binding.granted[place]
            # From half-life on at the active node, later at the standby.
            share = (0.5 if node == active else 0.3) - spread
            due = max(0.0, binding.held[place] - granted * share)
            if node == active and binding.held[place] - granted < self._since[node] - 0.001:
                due = 0.0
            if due <= now:
                due = now + AGAIN
                if self.queues[node].waiting(_OWN) < MAX_OWN:
                    self.mirror.want(binding, node, Kind.PUT, now, soon=node == active)
            binding.due = min(binding.due, due)

    # -- does a node remember? -----------------------------------------------------------------

    def _ask(self, now: float) -> None:
        """Ask each node now and then for a binding that it must have."""
        pair = self._shared.pair
        for node, place in self._places():
            if now < self._asked[node] + ASK or pair.down(node) or pair.links[node].suspect:
                continue
            if self._doubted[node] and now > self._doubted[node] + DOUBT:
                self._doubted[node] = 0.0  # it was one binding, and it is back
            binding = self._canary(place, now)
            if binding is not None:
                self._asked[node] = now
                self.mirror.want(binding, node, Kind.ASK, now, soon=True)

    def _canary(self, place: int, now: float) -> Binding | None:
        """Of a few bindings anywhere in the table the one that was told a node longest ago: one
        that was just put there says nothing about the others."""
        shared = self._shared
        best: Binding | None = None
        for _ in range(min(CANARIES, len(self._all))):
            # Where, nobody can foresee: in a fixed order the same few would be asked for always.
            name = self._all[int(shared.fresh()[:8], 16) % len(self._all)]
            binding = shared.bindings.get(name)
            if binding is None or shared.accounts.of(binding.aor) is None:
                continue
            left = binding.held[place] - now
            if binding.expires > now and left > ASK_LEFT:
                if best is None or left - binding.granted[place] < (
                    best.held[place] - now - best.granted[place]
                ):
                    best = binding
        return best

    def _missed(self) -> list[tuple[Binding, int]]:
        missing = self.mirror.missing
        self.mirror.missing = []
        return missing

    def _missing(self, binding: Binding, node: int, now: float) -> None:
        """A node lacks what it accepted: told again; the second one in a row means a lost memory."""
        place = self._shared.registrar.place(node)
        held = binding.held[place] > 0.0
        binding.held[place] = 0.0
        self._keep(binding, now)
        if not held:
            return  # known already: another phone of the same address
        if self._doubted[node] and now < self._doubted[node] + DOUBT:
            self._doubted[node] = 0.0
            self.lost_memory(node, now)
            return
        self._doubted[node] = now
        self._asked[node] = 0.0  # ask for another one at once
        self._rush(now)

    def lost_memory(self, node: int, now: float) -> None:
        """A node has forgotten everything: all of it is told again."""
        shared = self._shared
        shared.count("nodes that lost their memory")
        shared.note(now, "registrations_lost", b"", shared.settings.nodes[node].name)
        place = shared.registrar.place(node)
        self._owed[node].clear()
        for binding in shared.bindings:
            binding.held[place] = 0.0
        self._rush(now)
        if node == shared.pair.route.active:
            self.reach.begin(node, now)

    def _rush(self, now: float) -> None:
        """Look at everything, at once."""
        self._hurry = True
        self._names = self._shared.bindings.names()
        self._all = self._names.copy()
        self._at = now

    # -- roles ---------------------------------------------------------------------------------

    def route_changed(self, old: Route, route: Route, now: float) -> None:
        """The roles changed: what the new active node lacks comes first.

        What it has is told to it again, so that it sends the state of the mailboxes.
        """
        for node, state in enumerate(route.states):
            if old.states[node] == NodeState.DOWN != state:
                self._asked[node] = 0.0  # it may have been started anew
                self._rush(now)
        active = route.active
        if active is None or active == old.active or not len(self._shared.bindings):
            return
        if old.active is not None:
            self._since[active] = now
            self.reach.begin(active, now)
        self._rush(now)

    def accounts_changed(self, now: float) -> None:
        """The credentials were read anew."""
        self._rush(now)
