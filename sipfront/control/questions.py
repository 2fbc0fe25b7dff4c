"""What deeper probes and real traffic say of one node: can it register, can it call, is it ready?

One integer per probe (:class:`~sipfront.control.verdict.Verdict`).  A bad answer stays bad until
good ones take it back; a good one that is not renewed for ``stale`` proves nothing any more, and
what could not be asked changes nothing: "no" and "could not ask" differ.

Real traffic alone decides nothing: a carrier that is gone makes a sound PBX answer 5xx, and a busy
one is slow.  But while it looks bad (:attr:`Answers.doubt`), one bad outcome of a probe is enough.

This file knows one node; what its answers lead to is the decision's.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from sipfront.control.verdict import NEVER, Verdict

if TYPE_CHECKING:
    from sipfront.control.evidence import Checked, Traffic
    from sipfront.control.settings import Probe, Settings

#: the questions whose bad answer means that a node cannot serve, in the order of sentences
SERVING: Final = ("reachable", "register", "call")
#: how far back real answers are counted, seconds
WINDOW: Final = 4.0
#: fewer final answers than this are no rate
ENOUGH: Final = 5
#: this part of them being 5xx is doubtful; a PBX with sound lines gives a few in a hundred
SHARE: Final = 0.5
#: answers that take so many times longer than they use to ...
DRIFT: Final = 5.0
#: ... and so many seconds more, are doubtful
DRIFT_MORE: Final = 0.05


class Asked:
    """One probe's questions to one node, and its answers."""

    __slots__ = ("at", "bad_since", "good", "probe", "text", "took", "tried", "verdict", "why")

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.verdict = Verdict(probe.rise, probe.fall, good=True)
        #: the last outcome that was good or bad
        self.good: bool | None = None
        self.text = ""
        #: what the last bad one said
        self.why = ""
        self.took = 0.0
        self.at = NEVER
        #: when it was last tried, even if it could not be asked
        self.tried = NEVER
        #: the first of the bad outcomes in a row
        self.bad_since = NEVER

    def proven(self, now: float) -> bool:
        """It is known, by an outcome that is not too old, that the answer is good."""
        return self.verdict.good and bool(self.good) and now - self.at <= self.probe.stale

    def word(self, now: float) -> str:
        """``good``, ``bad`` or ``unknown``."""
        if not self.verdict.good:
            return "bad"
        return "good" if self.proven(now) else "unknown"


class Answers:
    """All deeper questions to one node."""

    __slots__ = ("_blind", "_finals", "asked", "cannot", "doubt", "faults", "hook_fault")

    def __init__(self, settings: Settings) -> None:
        self.asked = {probe.name: Asked(probe) for probe in settings.probes}
        #: sentences: required questions that are answered badly
        self.faults: tuple[str, ...] = ()
        #: those of :data:`SERVING` among them that were answered badly the last time, too
        self.cannot: tuple[str, ...] = ()
        #: why real traffic looks bad; empty when it does not
        self.doubt = ""
        #: a hook that this node still needs, in words
        self.hook_fault = ""
        self._blind = NEVER
        self._finals: deque[tuple[float, int, int]] = deque()

    def checked(self, ev: Checked) -> bool:
        """An outcome; true if an answer has changed by it."""
        asked = self.asked.get(ev.probe)
        if asked is None or asked.probe.question != ev.question:
            raise ValueError(f"no such probe: {ev.probe} ({ev.question})")
        asked.tried = ev.at
        if ev.good is None:
            return False
        first = asked.good is None or ev.at - asked.at > asked.probe.stale
        asked.good, asked.text, asked.took, asked.at = ev.good, ev.text, ev.took, ev.at
        if ev.good:
            asked.bad_since = NEVER
            changed = asked.verdict.succeed()
        else:
            asked.why = ev.text
            if asked.bad_since == NEVER:
                asked.bad_since = ev.at
            if self.doubt and asked.verdict.good and ev.question in SERVING:
                asked.verdict.settle(good=False)
                changed = True
            else:
                changed = asked.verdict.fail()
        self._sum_up()
        return changed or first

    def blind(self, until: float) -> None:
        """The front was cut off or asleep until then: what was known before is to be asked anew."""
        if until > self._blind:
            self._blind = until
            for asked in self.asked.values():
                if asked.at <= until:
                    asked.good = None
            self._sum_up()

    def _sum_up(self) -> None:
        bad = [a for a in self.asked.values() if a.probe.required and not a.verdict.good]
        self.faults = tuple(f"{a.probe.question} ({a.probe.name}): {a.why or 'bad'}" for a in bad)
        # One that has just been answered well is on the mend: it is not left any more.
        questions = {a.probe.question for a in bad if a.good is False}
        self.cannot = tuple(question for question in SERVING if question in questions)

    def proven(self, now: float) -> tuple[str, ...]:
        """The questions that are known to be answered well: by all that ask them, lately."""
        known: dict[str, bool] = {}
        for asked in self.asked.values():
            if asked.probe.required:
                question = asked.probe.question
                known[question] = known.get(question, True) and asked.proven(now)
        return tuple(question for question, good in known.items() if good)

    def bad_since(self) -> float:
        """When the first of the bad answers that say that it cannot serve began."""
        starts = [
            a.bad_since
            for a in self.asked.values()
            if a.probe.required and not a.verdict.good and a.probe.question in SERVING
        ]
        return min(starts, default=NEVER)

    def fell(self, probe: str) -> bool:
        """Is the answer to this probe bad now?"""
        return not self.asked[probe].verdict.good

    # ------------------------------------------------------------------ real traffic

    def traffic(self, ev: Traffic, usual: float | None, base: float | None) -> str | None:
        """Count final answers to real calls, compare response times; the new doubt if it has
        changed.  ``usual``, ``base``: seconds of the last answers, and of the last half hour."""
        finals = self._finals
        if ev.finals:
            finals.append((ev.at, ev.finals, ev.failed))
        while finals and finals[0][0] <= ev.at - WINDOW:
            finals.popleft()
        total = sum(count for _, count, _ in finals)
        failed = sum(count for _, _, count in finals)
        doubt = ""
        if total >= ENOUGH and failed >= SHARE * total:
            doubt = f"{failed} of {total} calls of the last {WINDOW:.0f} s failed with 5xx"
        elif usual is not None and base is not None and usual > DRIFT * base + DRIFT_MORE:
            doubt = f"answers take {usual * 1000:.0f} ms, usually {base * 1000:.0f} ms"
        if bool(doubt) == bool(self.doubt):
            self.doubt = doubt
            return None
        self.doubt = doubt
        return doubt
