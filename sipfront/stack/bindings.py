"""Bindings: which phone stands behind an address-of-record, and by which flow it is reached.

The table that a registrar has (RFC 3261 10.3), but the registrar is the node; the front remembers
what it needs to carry requests to the phone and to show each side its own Contact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.stack.flows import Flow

#: Nodes of a pair.
NODES = 2


class Binding:
    """One Contact of one AOR.

    ``name`` is its token; ``contact`` the phone's real Contact URI; ``flow`` the way to it;
    ``expires`` when it ends for the phone, and thereby for calls (monotonic seconds); ``held``
    when it ends at each node, 0.0 where it is not; ``granted`` what each node granted, seconds;
    ``cseq`` the last CSeq used towards the nodes.
    """

    __slots__ = (
        "agreed",
        "also",
        "aor",
        "call_id",
        "contact",
        "cseq",
        "doubted",
        "due",
        "expires",
        "flow",
        "granted",
        "held",
        "local",
        "name",
        "number",
        "params",
        "remade",
        "seen",
        "shown",
        "to",
        "uri",
        "user",
        "user_agent",
    )

    def __init__(
        self, name: bytes, aor: bytes, contact: bytes, flow: Flow, nodes: int = NODES
    ) -> None:
        self.name = name
        self.aor = aor
        self.contact = contact
        self.flow = flow
        self.expires = 0.0
        self.held = [0.0] * nodes
        self.granted = [0] * nodes
        self.cseq = 0
        #: when the phone was last heard by its REGISTER
        self.seen = 0.0
        self.user_agent = b""
        #: the phone's own Call-ID and CSeq (RFC 3261 10.3 step 7), and what it was granted
        self.call_id = b""
        self.number = 0
        self.agreed = 0
        #: Contact parameters without expires: the phone's, and those of the node's answer
        self.params = b""
        self.shown = b""
        #: further header lines of the node's answer that every answer needs (RFC 5626, 3455)
        self.also = b""
        #: Request-URI and To URI (b"" when it is the AOR) of its REGISTER, its credentials' user
        self.uri = b""
        self.to = b""
        self.user = b""
        #: whether it comes to the nodes by the local inside address
        self.local = False
        #: a node refused its last REGISTER: nothing is answered in that node's place
        self.doubted = False
        #: before this nothing is to be done about it, unless something happens
        self.due = 0.0
        #: it was given again to a node that had lost it
        self.remade = False


class Bindings:
    """All bindings, bounded, found by token, by AOR and by user part."""

    __slots__ = ("_aors", "_changed", "_names", "_users", "limit", "per_aor")

    def __init__(self, limit: int, per_aor: int) -> None:
        self.limit = limit
        self.per_aor = per_aor
        self._changed: dict[bytes, Binding | None] | None = None
        self._names: dict[bytes, Binding] = {}
        self._aors: dict[bytes, list[Binding]] = {}
        self._users: dict[bytes, list[bytes]] = {}

    def get(self, name: bytes) -> Binding | None:
        """The binding that a token names."""
        return self._names.get(name)

    def room(self, name: bytes) -> bool:
        """Whether a binding with this name may be added."""
        return name in self._names or len(self._names) < self.limit

    def put(self, binding: Binding) -> None:
        """Add or replace; an AOR that has too many loses the one that would end first."""
        old = self._names.get(binding.name)
        if old is not None:
            self.remove(old)
        self._names[binding.name] = binding
        if self._changed is not None:
            self._changed[binding.name] = binding
        held = self._aors.get(binding.aor)
        if held is None:
            self._aors[binding.aor] = [binding]
            user, at, _ = binding.aor.rpartition(b"@")
            if at:
                self._users.setdefault(user, []).append(binding.aor)
        else:
            held.append(binding)
            if len(held) > self.per_aor:
                self.remove(min(held[:-1], key=lambda old: old.expires))

    def remove(self, binding: Binding) -> None:
        """Forget one."""
        if self._names.get(binding.name) is not binding:
            return
        del self._names[binding.name]
        if self._changed is not None:
            self._changed[binding.name] = None
        held = self._aors[binding.aor]
        held.remove(binding)
        if not held:
            del self._aors[binding.aor]
            user, at, _ = binding.aor.rpartition(b"@")
            if at:
                aors = self._users[user]
                aors.remove(binding.aor)
                if not aors:
                    del self._users[user]

    def touch(self, binding: Binding) -> None:
        """Something of it changed that must be kept."""
        if self._changed is not None and self._names.get(binding.name) is binding:
            self._changed[binding.name] = binding

    def track(self) -> None:
        """From now on note what changes; somebody will ask."""
        self._changed = {}

    def changes(self) -> dict[bytes, Binding | None]:
        """The bindings that changed since the last time, None for those that are gone."""
        changed = self._changed
        if not changed:
            return {}
        self._changed = {}
        return changed

    def of(self, aor: bytes, now: float) -> list[Binding]:
        """The bindings of an AOR that have not expired."""
        return [b for b in self._aors.get(aor, ()) if b.expires > now]

    def of_user(self, user: bytes, now: float) -> list[Binding]:
        """The bindings of the only AOR with this user part; none when two domains have it."""
        aors = self._users.get(user)
        if aors is None or len(aors) != 1:
            return []
        return self.of(aors[0], now)

    def called(self, who: bytes) -> list[Binding]:
        """Every binding of an address-of-record, or of a user part in whatever domains."""
        aors = [who] if who in self._aors else self._users.get(who, [])
        return [binding for aor in aors for binding in self._aors[aor]]

    def names(self) -> list[bytes]:
        """The names of all, now."""
        return list(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Binding]:
        return iter(list(self._names.values()))
