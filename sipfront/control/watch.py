"""The watch over one node: is it reachable, and when is it to be asked next?

Two ways lead to DOWN, and any word of the node ends either:

*Refusals.*  A refusal starts a quick burst (``quick`` apart).  Four refusals, or one and then
seven unanswered sends, or two or three and then five (ICMP is rate-limited between hosts), and the
process is gone for certain.
What is heard within :data:`IN_FLIGHT` of the first refusal, or within the time that this node
takes to answer, may have been sent before the process died and waited in our socket behind the
error.  So only what is heard later counts against it, or an answer to a probe that was itself sent
after the refusal, however soon it comes.

*Silence.*  It begins with the first send, probe or real request, that nothing followed.  When it
is older than this node ever takes, probes go out ``spacing`` apart, with a stray BYE among them
(an overloaded Asterisk drops new requests and still answers 481 to that).  ``patience`` and
``burst`` unanswered sends make it DOWN; but the pair may hold that verdict back, because a front
that is cut off hears nothing either (:mod:`sipfront.control.pair`).

A node that is heard while its OPTIONS stay unanswered as long as that is OVERLOADED.  If it
answers nothing at all that it is asked for ``rescue_after``, it is deaf, and that is DOWN as well.

This file knows one node, and nothing of roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sipfront.control.evidence import (
    Answered,
    Asked,
    Overload,
    Refused,
    Ring,
    Silent,
    Spoke,
    Unanswered,
)
from sipfront.control.pace import Pace
from sipfront.control.verdict import NEVER, State, Verdict

if TYPE_CHECKING:
    from sipfront.control.settings import Settings

#: how long a datagram sent before a node's death may lie behind the error that tells of it, at least
IN_FLIGHT: Final = 0.01
#: refusals closer together than this are one: a dozen requests in one packet burst prove no more
APART: Final = 0.008
#: sends that need not be silent when the refusal came more than once: a stray ICMP comes alone
SPARED: Final = 2
#: sends that are remembered beyond ``burst``; more would prove nothing more
SENDS_KEPT: Final = 4
#: probes without an answer that are remembered, for answers that come late: 3 s of a burst
PENDING_KEPT: Final = 32
#: the longest Retry-After that is believed; the node is asked again sooner anyway
RETRY_AFTER_MAX: Final = 60.0
#: the burst's 2nd, 5th, 8th ... send is accompanied by the stray BYE
BYE_EVERY: Final = 3


class Watch:
    """All that is known about whether one node is reachable."""

    def __init__(self, index: int, settings: Settings, now: float) -> None:
        self.index = index
        self.s = settings
        self.ring = Ring(settings.ring)
        #: UP, DOWN, or UNKNOWN as long as it was never decided
        self.reach = State.UNKNOWN
        self.rising = Verdict(settings.rise, 1, good=False)
        self.busy = Verdict(settings.rise, settings.fall, good=True)
        self.busy_until = NEVER
        #: its OPTIONS go unanswered although it is heard
        self.muted = False
        #: DOWN, and what lived on it is lost: refused, or silent for ``rescue_after``
        self.certain = False
        #: why it is DOWN or OVERLOADED, and since when what led there went on
        self.why = ""
        self.trouble = NEVER
        self.up_since = NEVER
        #: not heard since the front was cut off
        self.doubt = False
        self.last = NEVER  # heard
        self.last_answer = NEVER  # to OPTIONS
        self.last_reply = NEVER  # to any probe
        self.last_refusal = NEVER
        self.last_probe = NEVER
        self.floor = now  # silence is not counted from before this
        #: when the first send went out that nothing followed
        self.since: float | None = None
        self._sends: list[float] = []  # probes since then
        self.real_since: float | None = None
        self.real_sends = 0
        self._mute: list[float] = []  # OPTIONS since the last answer to one
        self.refused_at: float | None = None
        self.refusals = 0
        self._asked_last = self._asked_before = 0  # probes: the last one, the last before a refusal
        self._pending: dict[int, tuple[str, float]] = {}
        self._stale: dict[int, tuple[str, float]] = {}
        self.pace = Pace(settings)
        self._kick = True
        self._ticks = 0
        self.status = 0
        self.answers = self.vetoes = self.suspicions = 0

    # ------------------------------------------------------------------ what is seen

    def hear(self, at: float) -> None:
        """The node said something at ``at``, whatever it was."""
        if at <= self.last:
            return
        self.last = at
        self.doubt = False
        if self.since is not None:
            if self.certain or self.count(at) >= 2:
                self.ring.add(Spoke(self.index, at))
            self.calm()
        if self.refused_at is not None and at > self.refused_at + max(IN_FLIGHT, self.pace.quick):
            self._veto(at)

    def answered(self, ev: Answered) -> None:
        """A probe was answered: with anything."""
        self.ring.add(ev)
        asked = self._pending.pop(ev.probe, None) or self._stale.pop(ev.probe, None)
        kind, sent = asked or ("", ev.sent)
        self.hear(ev.at)
        if self.refused_at is not None and asked and ev.probe > self._asked_before:
            self._veto(ev.at)
        self.last_reply = ev.at
        if kind != "options":
            return
        self.answers += 1
        self.status = ev.status
        self.last_answer = ev.at
        self._mute.clear()
        self._ticks = 0
        self.muted = False
        took = ev.at - sent
        self.pace.answered(took)
        if ev.status == 503:
            self.busy.fail()
        else:
            self.busy.succeed()
        if self.reach is State.UNKNOWN or (took <= self.s.timeout and self.rising.succeed()):
            self._rise(ev.at)

    def refused(self, ev: Refused) -> None:
        """The node's host says that nobody listens there."""
        self.ring.add(ev)
        self.last_refusal = max(self.last_refusal, ev.at)
        if self.reach is State.DOWN:
            self.rising.fail()
            if self.certain:
                return
        if self.refused_at is None:
            self.refused_at = ev.at
            self.refusals = 1
            self._asked_before = self._asked_last
            self._kick = True
            self._sends.clear()
            self._ticks = 0
            self.suspicions += 1
        elif ev.at - self.refused_at >= self.refusals * APART:
            self.refusals += 1

    def silent(self, ev: Silent) -> None:
        """Real requests went unanswered; believed only if nothing was heard since."""
        if ev.since <= self.last or ev.since < self.floor:
            return
        self.ring.add(ev)
        if self.real_since is None:
            self._kick = self._kick or self.reach is not State.DOWN
            self.real_since = ev.since
        self.real_since = min(self.real_since, ev.since)
        self.real_sends = max(self.real_sends, ev.sends)
        self.since = self.real_since if self.since is None else min(self.since, self.real_since)

    def overload(self, ev: Overload) -> None:
        """A 503 to a real request.  One that names no time may be about a carrier behind it."""
        self.ring.add(ev)
        self.hear(ev.at)
        if ev.retry_after > 0:
            self.busy_until = ev.at + min(float(ev.retry_after), RETRY_AFTER_MAX)

    # ------------------------------------------------------------------ asking

    def asked(self, probe: int, kind: str, now: float) -> None:
        """A probe goes out now."""
        self.ring.add(Asked(self.index, probe, kind, now))
        self._overdue(now)
        self._pending[probe] = kind, now
        self._asked_last = probe
        if self.since is None:
            self.since = now
        if len(self._sends) < self.s.burst + SENDS_KEPT:
            self._sends.append(now)
        if kind != "options":
            return
        self.last_probe = now
        self._kick = False
        if self._mute and now > self._mute[0] + self.s.timeout:
            self.rising.fail()
        if len(self._mute) < self.s.burst + SENDS_KEPT:
            self._mute.append(now)
        self._ticks += 1

    def kinds_due(self, now: float, company: float) -> tuple[str, ...]:
        """What is to be asked now.  ``company``: another node is in trouble, ask this often."""
        if now < self.due(company):
            return ()
        if self.muted or (self._ticks % BYE_EVERY == 1 and self.reach is not State.DOWN):
            return ("options", "bye")
        return ("options",)

    def due(self, company: float) -> float:
        """When the next probe goes out (in the past: now)."""
        if self._kick:
            return NEVER
        due = self.last_probe + min(self._gap(), company)
        if self.reach is not State.DOWN:
            # Not answered when it always was: the burst begins.
            if self.since is not None and self.refused_at is None:
                due = min(due, max(self.since + self.pace.late, self.last_probe + self.s.spacing))
            if self._mute and not self.muted:
                due = min(
                    due, max(self._mute[0] + self.pace.late, self.last_probe + self.s.spacing)
                )
        return due

    def _gap(self) -> float:
        s = self.s
        if self.refused_at is not None:
            return s.quick
        if self.reach is State.DOWN:
            return s.spacing if self.rising.value else s.interval
        if self.real_since is not None:
            return s.spacing
        return s.interval

    # ------------------------------------------------------------------ what it comes to

    def quiet(self, now: float) -> bool:
        """Nothing at all is wrong, and nothing has been outstanding for longer than usual."""
        return (
            self.reach is State.UP
            and self.refused_at is None
            and self.real_since is None
            and not self.muted
            and self.busy.good
            and self.busy_until == NEVER
            and (self.since is None or now < self.since + self.pace.late)
            and (not self._mute or now < self._mute[0] + self.pace.late)
        )

    def suspect(self, now: float) -> bool:
        """Refused, or two sends unanswered and nothing heard since: one lost packet is nothing."""
        return self.refused_at is not None or self.mum(now)

    def mum(self, now: float) -> bool:
        """So much for silence alone."""
        return self.since is not None and self.count(now) >= 2

    def silent_out(self, now: float) -> bool:
        """Silent for long enough, and asked often enough."""
        return (
            self.since is not None
            and now >= self.since + self.s.patience
            and self.count(now) >= self.s.burst
        )

    def refused_out(self, now: float) -> bool:
        """Refused often enough, or refused and then silent for a whole quick burst."""
        if self.refused_at is None or now < self.refused_at + self.pace.quick:
            return False
        if self.refusals >= self.s.refusals:
            return True
        need = self._silent_sends()
        if now < self.refused_at + need * self.s.quick or len(self._sends) < need:
            return False
        return now >= self._sends[need - 1] + self.pace.quick

    def _silent_sends(self) -> int:
        """Sends that must be silent beside the refusals that there were."""
        return self.s.burst if self.refusals < 2 else max(self.s.burst - SPARED, 1)

    def mute_out(self, now: float) -> bool:
        """OPTIONS unanswered long and often enough, and yet it is heard."""
        need = self.s.burst
        return (
            len(self._mute) >= need
            and now >= self._mute[need - 1] + self.pace.grace
            and now >= self._mute[0] + self.s.patience
            and self.last > self._mute[0] + self.pace.late
        )

    def deaf_out(self, now: float) -> bool:
        """It speaks, but has answered nothing that was asked, not even the stray BYE, for so long
        that it cannot be overload: what the front sends does not get there."""
        return self.muted and now >= self.deaf_since() + self.s.rescue_after

    def deaf_since(self) -> float:
        """When it was first asked something, of any kind, that it has not answered since."""
        asked = self._mute[0] if self._mute else NEVER
        return max(self.last_reply, asked, self.floor)

    def overloaded(self, now: float) -> bool:
        """Alive, but not to be given anything new."""
        return self.muted or not self.busy.good or now < self.busy_until

    def thresholds(self) -> list[float]:
        """When the answers above may change by time alone."""
        times = [self.busy_until]
        need = self.s.burst
        grace = self.pace.grace
        if self.since is not None:
            times += [self.since + self.s.patience, self.since + self.s.rescue_after]
            times += [sent + grace for sent in self._sends[:need]]
        if self.muted:
            times.append(self.deaf_since() + self.s.rescue_after)
        if self._mute:
            times.append(self._mute[0] + self.s.patience)
            times += [sent + grace for sent in self._mute[need - 1 : need]]
        if self.refused_at is not None:
            need = self._silent_sends()
            times += [self.refused_at + self.pace.quick, self.refused_at + need * self.s.quick]
            times += [sent + self.pace.quick for sent in self._sends[need - 1 : need]]
        return times

    # ------------------------------------------------------------------ changes, made by the pair

    def sink(self, certain: bool, why: str) -> None:
        """It is DOWN."""
        if self.reach is not State.DOWN:
            self.trouble = self.began()
        self.why = why
        self.reach = State.DOWN
        self.certain = self.certain or certain
        self.rising.settle(good=False)
        self.muted = False
        self.busy.settle(good=True)
        self.busy_until = NEVER
        self.refused_at = None
        self.refusals = 0
        self._kick = False

    def began(self) -> float:
        """Since when something has been wrong; ``NEVER`` if nothing is."""
        starts = [at for at in (self.since, self.refused_at) if at is not None]
        return min(starts, default=NEVER)

    def calm(self) -> None:
        """What was sent so far has been followed by a word of the node."""
        self.since = None
        self._sends.clear()
        self.real_since = None
        self.real_sends = 0

    def restart(self, now: float) -> None:
        """The front itself was cut off or asleep until ``now``: earlier silence proves nothing."""
        self.calm()
        self._mute.clear()
        self._ticks = 0
        self.floor = now
        self._kick = True

    def _rise(self, at: float) -> None:
        self.reach = State.UP
        self.rising.settle(good=True)
        self.up_since = at
        self.certain = False

    def _veto(self, at: float) -> None:
        self.ring.add(Spoke(self.index, at))
        self.refused_at = None
        self.refusals = 0
        self.vetoes += 1
        self._kick = True  # asked once more: if that is refused, all begins again at once

    def count(self, now: float) -> int:
        """Sends that nothing followed, as far as they are out for long enough."""
        grace = self.pace.grace
        count = self.real_sends
        for sent in self._sends:
            if now < sent + grace:
                break
            count += 1
        return count

    def _overdue(self, now: float) -> None:
        """Write down the probes that were not answered in time; they may still be answered."""
        pending, stale = self._pending, self._stale
        for probe, (kind, sent) in tuple(pending.items()):
            if now < sent + self.s.timeout:
                break
            self.ring.add(Unanswered(self.index, probe, sent, now))
            stale[probe] = kind, sent
            del pending[probe]
        while len(stale) > PENDING_KEPT:
            del stale[next(iter(stale))]
