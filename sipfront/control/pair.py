"""The watches of all nodes together: what can only be judged by looking at more than one.

A front that is cut off hears nothing of anybody, so the silence of one node counts only while
somebody else inside is heard: another node, or a configured witness.  If all that were there a
moment ago fall silent together, nothing is done (UNKNOWN); and when the first of them is heard
again, the silence of the others begins anew, because it may have ended at the same moment.
The same holds when the front itself was asleep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sipfront.control.evidence import (
    Answered,
    OfNode,
    Overload,
    Refused,
    Silent,
    Spoke,
    Witness,
)
from sipfront.control.verdict import NEVER, State
from sipfront.control.watch import Watch

if TYPE_CHECKING:
    from sipfront.control.settings import Settings

#: a node heard within this is alive for the purpose of judging another: three probes of a burst
#: may be lost in between
FRESH: Final = 0.4
#: the front was asleep if it comes so much later than it wanted to
ASLEEP: Final = 0.3


class Change(NamedTuple):
    """A verdict changed.  ``node`` is None when it is about the front itself."""

    node: int | None
    kind: str
    sentence: str


def ms(seconds: float) -> str:
    """A time as sentences say it: ``37 ms``, from 10 s on ``42 s``."""
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds * 1000:.0f} ms"


class Pair:
    """All nodes, who is heard, and who is not."""

    __slots__ = (
        "_stable",
        "_vetoes",
        "asleep",
        "blind_until",
        "cut",
        "joint",
        "s",
        "watches",
        "witnesses",
    )

    def __init__(self, settings: Settings, now: float) -> None:
        self.s = settings
        self.watches = tuple(Watch(i, settings, now) for i in range(len(settings.nodes)))
        #: all nodes that are not DOWN are silent at this moment
        self.joint = False
        #: and were for so long that it must be the front
        self.cut = False
        self.asleep = 0
        self.witnesses: dict[str, float] = {}
        #: bad outcomes of probes that began before this prove nothing: the front was deaf or asleep
        self.blind_until = NEVER
        self._stable = [State.UNKNOWN] * len(self.watches)
        self._vetoes = [0] * len(self.watches)

    # ------------------------------------------------------------------ evidence

    def heard(self, node: int, at: float) -> None:
        """Anything was received from the node."""
        watch = self.watches[node]
        if at > watch.last:
            watch.hear(at)
            if self.joint:
                self._found_again(watch, at)

    def take(self, ev: OfNode) -> None:
        """Hand a piece of evidence to the watch that it is about."""
        watch = self.watches[ev.node]
        before = watch.last
        if isinstance(ev, Answered):
            watch.answered(ev)
        elif isinstance(ev, Refused):
            watch.refused(ev)
        elif isinstance(ev, Silent):
            watch.silent(ev)
        elif isinstance(ev, Overload):
            watch.overload(ev)
        elif isinstance(ev, Spoke):
            watch.hear(ev.at)
        else:
            watch.ring.add(ev)
        if self.joint and watch.last > before:
            self._found_again(watch, watch.last)

    def witness(self, ev: Witness) -> None:
        """A witness was asked."""
        if ev.answered:
            self.witnesses[ev.name] = max(ev.at, self.witnesses.get(ev.name, NEVER))

    def slept(self, now: float) -> None:
        """The front did not run for a while: what it did not hear meanwhile proves nothing."""
        self.asleep += 1
        self.blind_until = now
        for watch in self.watches:
            watch.restart(now)

    def _found_again(self, watch: Watch, at: float) -> None:
        for other in self.watches:
            if other is not watch and other.reach is not State.DOWN:
                other.restart(at)
                other.doubt = self.cut
        self.joint = self.cut = False
        self.blind_until = at

    # ------------------------------------------------------------------ judgement

    def judge(self, now: float) -> list[Change]:
        """Bring all verdicts up to date."""
        standing = [w for w in self.watches if w.reach is not State.DOWN]
        if not self.joint and len(standing) > 1 and all(w.mum(now) for w in standing):
            self.joint = True
        judged = [self._judge_one(watch, now) for watch in self.watches]
        changes = [change for change in judged if change is not None]
        standing = [w for w in standing if w.reach is not State.DOWN]
        cut = bool(standing) and all(w.silent_out(now) for w in standing)
        if cut != self.cut:
            self.cut = cut
            self.joint = self.joint or cut
        for watch in self.watches:
            changes += self._compare(watch, now)
        return changes

    def _judge_one(self, watch: Watch, now: float) -> Change | None:
        if watch.busy_until <= now:
            watch.busy_until = NEVER
        if watch.refused_out(now) and not watch.certain:
            why = self._why_refused(watch, now)
            known = watch.reach is State.DOWN
            watch.sink(certain=True, why=why)
            text = f"{self.name(watch)} {why}: what lives on it is given up"
            return Change(watch.index, "lost", text) if known else None
        if watch.reach is State.DOWN:
            if (
                not watch.certain
                and watch.since is not None
                and now >= watch.since + self.s.rescue_after
            ):
                watch.certain = True
                who, long = self.name(watch), ms(now - watch.since)
                text = f"{who} has been silent for {long}: what lives on it is given up"
                return Change(watch.index, "lost", text)
        elif watch.since is not None and watch.silent_out(now):
            if self._believable(watch, watch.since, now):
                watch.sink(certain=False, why=self._why_silent(watch, now))
        elif watch.deaf_out(now) and self._believable(watch, now - self.s.patience, now):
            why = f"speaks but has not answered a probe for {ms(now - watch.deaf_since())}"
            watch.sink(certain=False, why=why)
        elif not watch.muted and watch.mute_out(now):
            watch.muted = True
            watch.why = (
                f"OPTIONS unanswered for more than {ms(self.s.patience)}, "
                f"but heard {ms(now - watch.last)} ago"
            )
        return None

    def _believable(self, watch: Watch, since: float, now: float) -> bool:
        """Is it the node that is silent, and not the front that is deaf?"""
        if any(at >= since for at in self.witnesses.values()):
            return True
        others = [w for w in self.watches if w is not watch]
        # A host that refuses is heard as well, in a way.
        if any(w.last_refusal > since for w in others):
            return True
        alive = [w for w in others if w.reach is not State.DOWN]
        if not alive:
            return not self.s.witnesses
        return any(w.last > since and now - w.last <= FRESH for w in alive)

    def stable(self, watch: Watch, now: float) -> State:
        """The node's state without the suspicion that comes and goes with lost packets."""
        if watch.reach is State.DOWN:
            return State.DOWN
        if self.cut or watch.doubt or watch.reach is State.UNKNOWN:
            return State.UNKNOWN
        return State.OVERLOADED if watch.overloaded(now) else State.UP

    def state(self, watch: Watch, now: float) -> State:
        """The node's state in one word."""
        stable = self.stable(watch, now)
        if stable is State.UP and watch.suspect(now):
            return State.SUSPECT
        return stable

    def quiet(self, now: float) -> bool:
        """Everybody is UP, nobody is suspected, and there is nothing to judge."""
        return not self.joint and all(watch.quiet(now) for watch in self.watches)

    def _compare(self, watch: Watch, now: float) -> list[Change]:
        """What to tell about this node: its lasting state changed, or it vetoed a refusal."""
        changes = []
        i, name = watch.index, self.name(watch)
        if watch.vetoes != self._vetoes[i]:
            self._vetoes[i] = watch.vetoes
            changes.append(Change(i, "veto", f"{name} was heard after a refusal: it lives"))
        new, old = self.stable(watch, now), self._stable[i]
        if new is old:
            return changes
        self._stable[i] = new
        if new is State.DOWN:
            changes.append(Change(i, "down", f"{name} {watch.why}"))
        elif new is State.OVERLOADED:
            changes.append(Change(i, "overloaded", self.why(watch, now)))
        elif new is State.UNKNOWN:
            changes.append(Change(i, "unknown", self.why(watch, now)))
        else:
            usual = watch.pace.usual
            text = f"{name} is UP" + ("" if usual is None else f", it answers within {ms(usual)}")
            changes.append(Change(i, "up", f"{text} (it was {old.name})"))
        return changes

    # ------------------------------------------------------------------ sentences

    def name(self, watch: Watch) -> str:
        """The node's name."""
        return self.s.nodes[watch.index]

    def why(self, watch: Watch, now: float) -> str:
        """One sentence about the node as it is now."""
        name, state = self.name(watch), self.state(watch, now)
        if state is State.DOWN:
            return f"{name} is DOWN ({watch.why})"
        if state is State.OVERLOADED:
            return f"{name} is OVERLOADED ({self._why_overloaded(watch, now)})"
        if state is State.UNKNOWN:
            if self.cut:
                last = self._last(watch, now)
                return f"{name} is UNKNOWN (everything inside is silent, {last})"
            since = " since the front was cut off" if watch.doubt else ""
            return f"{name} is UNKNOWN (it has not been heard yet{since})"
        if state is State.SUSPECT:
            if watch.refused_at is not None:
                what = f"refused {ms(now - watch.refused_at)} ago"
            else:
                what = f"{watch.count(now)} sends unanswered, {self._last(watch, now)}"
            return f"{name} is SUSPECT ({what})"
        return f"{name} is UP ({self._last(watch, now)})"

    def _last(self, watch: Watch, now: float) -> str:
        if watch.last == NEVER:
            return "never heard"
        return f"last heard {ms(max(0.0, now - watch.last))} ago"

    def _why_refused(self, watch: Watch, now: float) -> str:
        assert watch.refused_at is not None
        span = ms(now - watch.refused_at)
        times = "once" if watch.refusals == 1 else f"{watch.refusals} times"
        more = ""
        if watch.refusals < self.s.refusals:
            more = f" and left {self.s.burst} probes unanswered"
        return f"refused {times}{more} within {span}, {self._last(watch, now)}"

    def _why_silent(self, watch: Watch, now: float) -> str:
        assert watch.since is not None
        sends, span = watch.count(now), ms(now - watch.since)
        return f"left {sends} sends unanswered for {span}, {self._last(watch, now)}"

    def _why_overloaded(self, watch: Watch, now: float) -> str:
        if watch.muted:
            return watch.why
        if now < watch.busy_until:
            left = ms(watch.busy_until - now)
            return f"answered 503 and wants to be spared for {left}"
        return f"answered OPTIONS with 503 {self.s.fall} times in a row"

    # ------------------------------------------------------------------ time

    def company(self, watch: Watch, now: float) -> float:
        """How often a node is to be asked because another one is in trouble: before that one is
        left, this one must have been heard since."""
        if watch.reach is State.DOWN:
            return self.s.interval
        gap = self.s.interval
        for other in self.watches:
            if other is watch:
                continue
            if other.refused_at is not None:
                if watch.last <= other.refused_at and other.reach is not State.DOWN:
                    return self.s.quick
            elif other.reach is State.DOWN:
                if watch.last <= other.trouble:
                    gap = min(gap, self.s.spacing)
            elif other.mum(now):
                gap = min(gap, self.s.spacing)
        return gap
