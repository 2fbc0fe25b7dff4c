"""What control is told once, when it is made: frozen values, built by the runtime from the
configuration.  All times in seconds.  Each default: why that number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FailBack = Literal["never", "manual", "window"]

#: What deeper probes ask.  ``reachable``, ``register`` and ``call``: can it serve; ``ready``: could
#: it take over (replication, certificates).  For *reachable* OPTIONS and the burst stand beside it.
QUESTIONS: Final = ("reachable", "register", "call", "ready")
HOOKS: Final = ("fence", "promote", "demote", "notify")


@dataclass(frozen=True, slots=True)
class Probe:
    """A deeper probe that exists: every node is asked by it, whatever its role."""

    name: str
    #: one of :data:`QUESTIONS`
    question: str
    #: good outcomes in a row that make the answer good again
    rise: int = 2
    #: bad ones in a row that make it bad; one may be a lost packet
    fall: int = 2
    #: false: its answer is shown and decides nothing
    required: bool = True
    #: after so long without an outcome the answer is unknown again (a few of its intervals)
    stale: float = 60.0


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook that is configured."""

    #: one of :data:`HOOKS`
    name: str
    #: true: what it belongs to waits for its end, and is given up when it fails
    required: bool = False
    #: seconds within which it has ended, retries and all; later is a failure
    timeout: float = 2.0


@dataclass(frozen=True, slots=True)
class Settings:
    """``nodes``: their names, in the order of configuration (the first is the preferred one)."""

    nodes: tuple[str, ...]

    # How a node is asked.
    #: between two OPTIONS to a node that answers
    interval: float = 0.5
    #: an answer later than this is a sign of life, but does not count towards ``rise``
    timeout: float = 0.5
    #: sends that must be unanswered; at 5 % loss each way seven in a row happen once in 140 days
    burst: int = 7
    #: between two sends of the burst
    spacing: float = 0.1
    #: answers in a row, in time, after which a node that was DOWN is UP
    rise: int = 2
    #: between two sends of the burst after a refusal: seven of them fit into 0.1 s
    quick: float = 0.010
    #: refusals, ``quick`` apart, that need no silence beside them
    refusals: int = 4
    #: 503s in a row after which a node counts as overloaded
    fall: int = 3
    #: hosts inside that answer when the front is not cut off (the default router, say)
    witnesses: tuple[str, ...] = ()

    #: deeper questions
    probes: tuple[Probe, ...] = ()
    #: at most one of each name
    hooks: tuple[Hook, ...] = ()

    # What follows from it.
    #: a node must have been silent for so long, whatever was sent
    patience: float = 0.8
    #: a node silent for so long has lost its calls; before that they are left alone
    rescue_after: float = 5.0
    #: a node that comes back is not ready before it has been UP for so long
    settle: float = 2.0
    #: how long the engine holds requests; control only says so in its sentences
    park: float = 3.0
    failback: FailBack = "manual"
    #: between any change of role and the next voluntary one
    hold_down: float = 120.0
    #: voluntary changes of role in any 3600 s
    max_per_hour: int = 4
    #: a node that was left by a switch-over drains at most so long
    drain_max: float = 7200.0
    #: without a stored role: how long to wait for the node that is preferred
    start_wait: float = 1.0
    #: the alarm that no ready standby is left is repeated so often
    alarm_every: float = 60.0
    #: pieces of evidence that are kept per node; a failover needs about 50
    ring: int = 256

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for what no configuration may say (ours: ``check`` says it first)."""
        if not self.nodes or len(set(self.nodes)) != len(self.nodes):
            raise ValueError("nodes must have different names, and there must be one")
        if min(self.interval, self.timeout, self.spacing, self.quick) <= 0:
            raise ValueError("interval, timeout, spacing and quick must be above 0")
        if min(self.burst, self.rise, self.refusals, self.fall) < 1:
            raise ValueError("burst, rise, refusals and fall must be at least 1")
        for probe in self.probes:
            if probe.question not in QUESTIONS:
                raise ValueError(f"no such question: {probe.question}")
            if min(probe.rise, probe.fall) < 1 or probe.stale <= 0:
                raise ValueError("rise and fall must be at least 1, stale above 0")
        if len({probe.name for probe in self.probes}) != len(self.probes):
            raise ValueError("probes must have different names")
        names = [hook.name for hook in self.hooks]
        if set(names) - set(HOOKS) or len(set(names)) != len(names):
            raise ValueError(f"hooks are {', '.join(HOOKS)}, each at most once")

    def hook(self, name: str) -> Hook | None:
        """The configured hook of that name."""
        return next((hook for hook in self.hooks if hook.name == name), None)
