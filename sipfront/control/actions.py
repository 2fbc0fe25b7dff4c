"""What the monitor wants done, as values; the runtime does it, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sipfront.control.decision import Standing, View
    from sipfront.control.evidence import OfNode
    from sipfront.control.journal import Case
    from sipfront.control.verdict import State


class SendProbe(NamedTuple):
    """Ask the node once, without retransmission.  ``kind``: ``options``, or ``bye`` for a BYE of
    a dialog that does not exist.  Any answer comes back as ``Answered`` with this ``probe``."""

    node: int
    probe: int
    kind: str


class AskWitness(NamedTuple):
    """Find out whether this witness answers; the answer comes back as ``Witness``."""

    name: str


class RunHook(NamedTuple):
    """Run a configured hook; its end comes back as ``HookDone`` with the same ``hook``, ``node``
    and ``run``.

    ``hook``: ``fence`` (make sure that the node does nothing any more), ``promote`` (it is about to
    become active), ``demote`` (it was active and is to serve as standby), ``notify`` (tell people).
    ``node`` is the one that it is about; ``epoch`` the one that the change of role begins (for
    ``notify``: the one that holds).  ``run`` is never used twice.  ``why``: one sentence for the
    hook's environment.  Nobody waits for it on the data path.
    """

    hook: str
    node: int
    epoch: int
    run: int
    why: str = ""


class Roles(NamedTuple):
    """The roles, to be pushed to the engine, at every change of any field.

    ``lost[i]``: what lived on node i is gone for certain (it refused, or was silent for
    ``rescue_after``), and rescue may begin.  A node that was left because of silence alone keeps
    its dialogs as DRAINING until then, though it is DOWN.
    """

    epoch: int
    active: int | None
    standings: tuple[Standing, ...]
    states: tuple[State, ...]
    ready: tuple[bool, ...]
    why: str = ""
    lost: tuple[bool, ...] = ()


class Event(NamedTuple):
    """Something that a person may want to know, in a sentence, with what it rests on.

    Kinds: ``start``, ``failover``, ``switch-over``, ``drain``, ``fail-back`` (changes of role; they
    carry the ``view`` that was decided on); ``down``, ``up``, ``overloaded``, ``unknown``,
    ``lost``, ``veto``, ``verdict`` (a deeper question), ``doubt`` (real traffic) (verdicts);
    ``kept`` (a bad active is not left, and why); ``moving``, ``hook``; ``mode``, ``standing``;
    ``alarm``, ``mended`` (redundancy); ``asleep`` (the front itself did not run).
    ``node`` is its name, or empty.
    """

    at: float
    kind: str
    epoch: int
    sentence: str
    evidence: tuple[OfNode, ...] = ()
    node: str = ""
    view: View | None = None
    #: what decided, where something was decided
    rule: str = ""
    #: changes of role: seconds since the trouble of the node that is left began, None: no trouble
    took: float | None = None
    #: changes of role: all that it came from, for :mod:`sipfront.control.replay`
    case: Case | None = None


ROLE_EVENTS = frozenset({"start", "failover", "switch-over", "drain", "fail-back"})

Do = SendProbe | AskWitness | RunHook | Roles | Event
