"""What the admin side may ask of the running front: the one door between ``admin`` and ``runtime``.

The runtime has an object of this shape (it must not import this folder, so nothing here is a base
class); ``admin`` knows nothing else of it, and nothing of
sockets, SIP or decisions.  All methods are called on the event loop, must not block and return
plain values that can be written as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What the operator wishes of a node.
Mode = Literal["in-service", "drain", "maintenance"]
MODES: tuple[Mode, ...] = ("in-service", "drain", "maintenance")


#: A histogram's buckets, each (upper bound, how many were at most that), the last one ``+Inf``; and
#: the sum of all.
Buckets = tuple[tuple[tuple[str, float], ...], float]
#: One sample: name, help, "counter", "gauge" or "histogram", labels, value.  A counter's name ends in
#: ``_total``.  A plain tuple, because the runtime must not import this folder.
Metric = tuple[str, str, str, "Mapping[str, str]", "float | Buckets"]


class DecisionsPort(Protocol):
    """What was decided, and what would be.  Shapes: :mod:`sipfront.admin.decisions`."""

    def explain(self, epoch: int | None) -> dict[str, Any] | None:
        """A change of role (None: the last one) and what it rests on; None: not known."""

    def why_not(self, node: str) -> dict[str, Any]:
        """What a node needs to become active; raises ValueError."""

    def what_if(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """What would be decided with these assumptions; raises ValueError."""

    def case(self, epoch: int) -> dict[str, Any] | None:
        """A change of role with all that it came from."""

    def replay(self, case: dict[str, Any]) -> dict[str, Any]:
        """Decide a case again; raises ValueError.  May be called in a thread."""


class ControlPort(Protocol):
    """The running front, as the operator sees it."""

    @property
    def decisions(self) -> DecisionsPort:
        """Questions about decisions."""

    #: made anew at every start of the front: numbers of events begin anew with it
    instance: str

    def status(self) -> dict[str, Any]:
        """Everything that ``sipfront status`` shows.

        Keys that the command knows (more may be there): ``redundant`` (bool), ``why`` (the sentence
        for it), ``active`` (a node's name or None), ``epoch`` (int), ``decision`` (the sentence of
        the last decision), ``version``, ``uptime`` (seconds), ``nodes``: a list of ``{name, uri,
        role, state, standing, mode, ready, why, heard}`` (``heard``: seconds since anything
        came from it, or None), ``calls`` (int), ``bindings`` (int), ``answers`` (calls
        by the status of their final answer), ``counters`` (name -> int).
        """

    def switchover(self, to: str | None, force: bool) -> tuple[bool, str]:
        """Make ``to`` (None: the other node) the active one; (done, one sentence)."""

    def set_mode(self, node: str, mode: Mode, force_after: float | None = None) -> tuple[bool, str]:
        """Set the operator's wish for a node; (done, one sentence).

        ``force_after``: seconds after which the dialogs that are left are ended; None: never.
        """

    def events(self, limit: int) -> list[dict[str, Any]]:
        """The newest ``limit`` events, oldest first.

        Each has ``id`` (grows by one with every event), ``at`` (seconds since the epoch of Unix),
        ``event`` (a word) and ``text``.
        """

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call ``listener`` with every event from now on, until what is returned is called."""

    def bindings(self, aor: str, limit: int) -> list[dict[str, Any]]:
        """The first ``limit`` bindings of an AOR or user part ("": of all).

        Each has ``aor``, ``contact``, ``flow``, ``reachable``, ``expires`` (seconds), ``user_agent``,
        ``nodes`` (name -> seconds), ``seen``, ``call_id``, ``params``, ``credentials``.
        """

    def calls(self, limit: int) -> list[dict[str, Any]]:
        """The first ``limit`` dialogs that are up, oldest first.

        Each has ``call`` (equal for the two legs of one call), ``kind``, ``call_id``, ``outside``
        and ``inside`` (From and To values), ``from``, ``flow``, ``trunk``, ``node``, ``epoch``.
        """

    def live_calls(self, node: str, limit: int) -> list[dict[str, Any]]:
        """The first ``limit`` calls (both legs as one) that are not over; of one node, or of all.

        As those of :meth:`call_records`, and ``state``: setting up, ringing or up.
        """

    async def call_records(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The newest calls that are written down, newest first; does not block the loop.

        ``wanted``: ``limit``, and where given ``before`` (a number: the next page), ``since``,
        ``until`` (seconds since the epoch of Unix), ``node``, ``party``.
        """

    async def trace(self, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """The messages of a call or of a party's calls, in clear text; None: too many ask at once.

        ``wanted``: ``name``, ``kind`` (call or aor), ``after`` (a number of a message), ``calls``,
        ``secrets``, ``octets``.  Shape: :mod:`sipfront.admin.trace`.
        """

    def trunks(self, limit: int) -> list[dict[str, Any]]:
        """The first ``limit`` trunks: ``name``, ``uri``, ``ways`` (addresses), ``calls``,
        ``register`` and ``registrations``: ``account``, ``registered``, ``expires`` (seconds),
        ``status``, ``why``, ``nodes``."""

    def setups(self, since: int) -> tuple[int, list[float]]:
        """Callers outside that have heard something so far, and how many seconds those after the
        first ``since`` waited for it; a bounded number of the newest."""

    def ready(self) -> tuple[bool, str]:
        """Can the front serve traffic now (sockets bound, an active node known); and why not."""

    def metrics(self) -> Iterable[Metric]:
        """All samples of now.  Samples of one name stand together."""
