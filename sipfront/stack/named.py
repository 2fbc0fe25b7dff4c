"""Named targets: far sides that do not fit into a dialog token (IPv6 pairs, Contacts with names).

The token is only a name; what it names is kept here, bounded, and put into the store so that the
name still leads somewhere after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.stack.flows import Flow


class Named:
    """The far side that a named token stands for; ``flow`` None: the node's own Contact."""

    __slots__ = ("flow", "node", "target")

    def __init__(self, node: int, flow: Flow | None, target: bytes) -> None:
        self.node = node
        self.flow = flow
        self.target = target


class NamedTargets:
    """All that are known; the one that was not used for longest goes first."""

    __slots__ = ("_changed", "_targets", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._targets: dict[bytes, Named] = {}
        self._changed: dict[bytes, Named | None] | None = None

    def get(self, token: bytes) -> Named | None:
        """What a token names."""
        return self._targets.get(token)

    def put(self, token: bytes, named: Named) -> None:
        """Remember one, as the newest."""
        old = self._targets.pop(token, None)
        self._targets[token] = named
        if len(self._targets) > self.limit:
            self.remove(next(iter(self._targets)))
        # The token is made of node, address and target: the same again is no news for a store.
        if self._changed is not None and (old is None or old.node != named.node):
            self._changed[token] = named

    def remove(self, token: bytes) -> None:
        """Forget one."""
        if self._targets.pop(token, None) is not None and self._changed is not None:
            self._changed[token] = None

    def track(self) -> None:
        """From now on note what changes; somebody will ask."""
        self._changed = {}

    def changes(self) -> dict[bytes, Named | None]:
        """The targets that changed since the last time, None for those that are forgotten."""
        changed = self._changed
        if not changed:
            return {}
        self._changed = {}
        return changed

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._targets))
