"""What the engine has to tell, beside messages: values that the runtime hands to control,
metrics and the log.  Their count is bounded by what causes them; nobody waits for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow


class Refused(NamedTuple):
    """The network says that a node does not listen (ICMP, RST) after a real request or probe."""

    node: int
    at: float


class Silent(NamedTuple):
    """A node left real requests unanswered for longer than it ever does, and said nothing else."""

    node: int
    since: float  #: when the first unanswered request was sent
    at: float
    sends: int


class Answered(NamedTuple):
    """A probe got its answer."""

    node: int
    probe: int
    status: int
    sent: float
    at: float


class Overload(NamedTuple):
    """A node refused a real request with 503; ``retry_after`` is 0 when it named no time."""

    node: int
    at: float
    retry_after: int


class Rejected(NamedTuple):
    """A source was refused, or its credentials were: the line that fail2ban reads."""

    at: float
    host: str
    port: int
    transport: str
    reason: str
    aor: str
    method: str
    banned: bool


class Note(NamedTuple):
    """Something worth one log line about one message or call; ``call_id`` may be empty.

    ``other_call_id``: the Call-ID of the other leg of the call, where that is another one and known.
    """

    at: float
    event: str
    call_id: str
    detail: str
    other_call_id: str = ""


class Reached(NamedTuple):
    """So many of the phones can be called through the node that has become the active one."""

    at: float
    node: int
    reached: int
    phones: int
    took: float


class HangUp(NamedTuple):
    """A connection is to be closed, so that its phone registers again."""

    at: float
    flow: Flow


Notice = Refused | Silent | Answered | Overload | Rejected | Note | Reached | HangUp
