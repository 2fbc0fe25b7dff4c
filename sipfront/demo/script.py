"""The demonstration without a terminal: a list of faults, once, and whether the promise held.

Under a steady load the active node is killed, then the next one is frozen and thawed, then there
is a planned switch-over.  Each is an :class:`Act` with its timeline: what we did, what the front
saw and decided, what the callers noticed.  Moments are milliseconds after the fault.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sipfront.demo.load import Load
from sipfront.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sipfront.demo.processes import NodeProcess
    from sipfront.demo.stage import Stage
    from sipfront.demo.station import Experience

#: Calls a second.
RATE = 8.0
#: Seconds of load before the first fault, and after each.
WARM, AFTER = 3.0, 3.0
#: Seconds for which a node stays frozen: longer than the front's patience.
FROZEN = 4.0
#: Seconds before a fault at which one more caller begins to hear ringing.
RINGING = 0.7
#: What the callers may notice at most: seconds by which setting up takes longer than usual.
KILL_DELAY, FREEZE_DELAY = 0.15, 0.5
#: Seconds after which a front that was killed serves again, on a machine that is not busy: half of
#: it is the start of a Python process.
FRONT_BACK = 2.0
#: A phone's first retransmission (T1).
PHONE_T1 = 0.5
#: Broken promises of one act that are spelt out.
SHOWN = 6
#: Lines of a call's diagram.
DRAWN = 14
#: The faults, in the order in which they are played.
FAULTS = ("kill", "freeze", "switchover", "front")
#: Events that are part of the story.
TOLD = (
    "start",
    "failover",
    "switch-over",
    "down",
    "up",
    "veto",
    "lost",
    "standing",
    "alarm",
    "mended",
)


@dataclass
class Act:
    """One fault and what came of it."""

    name: str
    at: float = 0.0  #: wall clock
    allowed: float = 0.0  #: seconds
    before: int = 0  #: calls that were over by then
    timeline: list[tuple[float, str]] = field(default_factory=list)
    calls: int = 0
    longest: float = 0.0
    usual: float = 0.0
    decided: float | None = None
    broken: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    excused: list[Experience] = field(default_factory=list)  #: failed, but never promised
    diagram: list[str] = field(default_factory=list)  #: of the call that took longest

    def note(self, at: float, text: str) -> None:
        """Something happened at a moment of the wall clock."""
        self.timeline.append((at, text))

    def lines(self) -> Iterable[str]:
        """The act in words."""
        yield f"{self.name}"
        for at, text in sorted(self.timeline):
            yield f"  {1000 * (at - self.at):+8.0f} ms  {text}"
        decided = "no change of role"
        if self.decided is not None:
            decided = f"roles changed {1000 * self.decided:.0f} ms after it"
        yield (
            f"  {decided}; {self.calls} new calls, set up in {1000 * self.usual:.0f} ms as usual, "
            f"at most {1000 * self.longest:.0f} ms longer"
        )
        yield from (f"  note: {text}" for text in self.remarks)
        yield from (f"  BROKEN: {text}" for text in self.broken[:SHOWN])
        if len(self.broken) > SHOWN:
            yield f"  BROKEN: and {len(self.broken) - SHOWN} more"
        if self.diagram:
            yield "  the call that took longest to set up, in milliseconds:"
            yield from (f"  {line}" for line in self.diagram)


class Script:
    """Plays some acts on one stage."""

    def __init__(
        self,
        stage: Stage,
        say: Callable[[str], None],
        rate: float = RATE,
        faults: Sequence[str] = FAULTS,
    ) -> None:
        self.stage = stage
        self._faults = faults
        self.say = say
        self.load = Load(stage, rate)
        self.acts: list[Act] = []
        self._seen = 0.0

    async def play(self) -> bool:
        """Everything; whether the promise held."""
        self.load.start()
        try:
            await asyncio.sleep(WARM)
            acts = {
                "kill": self._kill,
                "freeze": self._freeze,
                "switchover": self._switch_over,
                "front": self._front,
            }
            for fault in self._faults:
                done = await acts[fault]()
                self.acts.append(done)
                for line in done.lines():
                    self.say(line)
                self.say("")
        finally:
            await self.load.stop()
        excused = {id(call) for act in self.acts for call in act.excused}
        failed = [call for call in self.load.calls if call.failed and id(call) not in excused]
        faults = sum(1 for act in self.acts if act.broken)
        for call in failed[:SHOWN] if not faults else ():
            self.say(f"FAILED, between the faults: {_told(call)}")
        self.say(
            f"{len(self.load.calls)} calls, {len(failed)} not set up; "
            f"{sum(phone.failures for phone in self.stage.phones)} registrations failed; "
            f"{len(self.acts) - faults} of {len(self.acts)} faults went unnoticed"
        )
        held = not failed and not any(act.broken for act in self.acts)
        self.say(f"the promise {'held' if held else 'did NOT hold'}")
        return held

    # -- the acts ------------------------------------------------------------------------------

    async def _kill(self) -> Act:
        node = await self.stage.active()
        act = Act(f"kill -9 of {node.name}, the active node", allowed=KILL_DELAY)
        ringing = await self._ringing()
        begun = clock.now()
        act.before = len(self.load.calls)
        act.at = await node.kill()
        act.note(act.at, f"{node.name} killed, {self._up()} calls up")
        await self._left(act, node)
        await asyncio.sleep(AFTER)
        await self._judge(act, begun, ringing)
        await node.start()
        act.note(clock.wall(), f"{node.name} started again")
        await self._redundant(act)
        await self._events(act)
        return act

    async def _freeze(self) -> Act:
        node = await self.stage.active()
        act = Act(f"SIGSTOP of {node.name}, the active node", allowed=FREEZE_DELAY)
        ringing = await self._ringing()
        begun = clock.now()
        act.before = len(self.load.calls)
        act.at = node.freeze()
        act.note(act.at, f"{node.name} frozen, {self._up()} calls up")
        await self._left(act, node)
        await asyncio.sleep(max(0.0, FROZEN - (clock.wall() - act.at)))
        act.note(node.thaw(), f"{node.name} thawed")
        await asyncio.sleep(AFTER)
        await self._judge(act, begun, ringing)
        await self._redundant(act)
        await self._events(act)
        return act

    async def _switch_over(self) -> Act:
        node = await self.stage.active()
        act = Act("planned switch-over", allowed=KILL_DELAY)
        begun = clock.now()
        act.before = len(self.load.calls)
        act.at = clock.wall()
        said = await self.stage.switch_over()
        act.note(clock.wall(), f"asked for it: {said}")
        await self._left(act, node)
        await asyncio.sleep(AFTER)
        await self._judge(act, begun, None)
        await self._events(act)
        return act

    async def _front(self) -> Act:
        """The front itself: calls that are up stay up, registrations and new calls go on."""
        act = Act("kill -9 of the front itself, which systemd would start again")
        caller, callee = self.stage.phones[:2]
        talking = asyncio.get_running_loop().create_task(caller.call(callee.name, AFTER + 2))
        await asyncio.sleep(RINGING)
        begun = clock.now()
        act.before = len(self.load.calls)
        act.at = await self.stage.front.kill()
        act.note(act.at, f"the front killed, {self._up()} calls up")
        await self.stage.start_front()
        back = clock.wall() - act.at
        act.note(clock.wall(), "the front serves again")
        act.remarks.append(
            f"the front was away for {back:.1f} s ({FRONT_BACK:g} s are promised where nothing else runs)"
        )
        # Who called meanwhile sends the INVITE again after 0.5, 1.5, 3.5 s ... (RFC 3261 17.1.1.2).
        act.allowed = 2 * back + 2 * PHONE_T1
        await asyncio.sleep(AFTER)
        call = await talking
        if call.failed or call.dropped or call.gap:
            act.broken.append(f"a call that was up was lost: {_told(call)}")
        else:
            act.remarks.append("a call that was up went on, and was ended by its caller")
        await self._judge(act, begun, None)
        setting_up = [c for c in self.load.calls[act.before :] if c.began < begun and c.failed]
        act.excused += setting_up
        if setting_up:
            act.remarks.append(f"{len(setting_up)} calls that were being set up were lost")
        await self._events(act)
        return act

    # -- what came of it -----------------------------------------------------------------------

    async def _ringing(self) -> asyncio.Task[Experience]:
        """One more caller, at an extension that rings for a while; it rings when this returns."""
        call = self.stage.phones[0].call("602", 0.3)
        task = asyncio.get_running_loop().create_task(call)
        await asyncio.sleep(RINGING)
        return task

    async def _left(self, act: Act, node: NodeProcess) -> None:
        try:
            await self.stage.until(
                lambda status: status.get("active") not in (None, node.name),
                f"{node.name} to be left",
            )
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the promise is broken
            act.broken.append(str(error))

    async def _redundant(self, act: Act) -> None:
        try:
            await self.stage.until(lambda status: bool(status.get("redundant")), "a redundant pair")
        except Exception as error:  # noqa: BLE001 - as above
            act.broken.append(str(error))

    def _up(self) -> int:
        return sum(phone.up for phone in self.stage.phones) + self.stage.trunk.up

    async def _judge(
        self, act: Act, begun: float, ringing: asyncio.Task[Experience] | None
    ) -> None:
        """Hold what the callers noticed against the promise."""
        new = self.load.begun(begun)
        act.calls = len(new)
        act.usual = self.load.usual(begun)
        act.longest = max(
            [call.setup - act.usual for call in new if call.setup is not None], default=0
        )
        failed = [call for call in new if call.failed]
        deaf = [call for call in new if call.deaf]
        if not new:
            act.broken.append("no call was made")
        act.broken += [f"not set up: {_told(call)}" for call in failed]
        act.broken += [f"nothing heard: {_told(call)}" for call in deaf]
        slowest = max(new, key=lambda call: call.setup or 0.0, default=None)
        if slowest is not None:
            act.diagram = self.stage.diagram(slowest, act.timeline, DRAWN)
        if act.longest > act.allowed:
            act.broken.append(
                f"a call took {1000 * act.longest:.0f} ms longer than usual, "
                f"{1000 * act.allowed:.0f} ms are promised"
            )
        for call in new:
            if call.setup is not None and call.setup - act.usual > 0.05:
                at = call.began - begun
                act.note(
                    act.at + at,
                    f"{call.caller} called {call.number}: {1000 * call.setup:.0f} ms to set up",
                )
        up = [call for call in self.load.calls[act.before :] if call.began < begun]
        ended, silent = sum(call.dropped for call in up), sum(call.gap > 0 for call in up)
        if ended or silent:
            act.remarks.append(
                f"of {len(up)} calls that were up {ended} were ended and {silent} fell silent: "
                "their audio came from the node itself"
            )
        if ringing is not None:
            call = await ringing
            if call.failed:
                act.broken.append(f"a call that rang: {_told(call)}")
            else:
                act.remarks.append(
                    f"the call that was ringing was answered after {call.setup:.2f} s"
                )

    async def _events(self, act: Act) -> None:
        """What the front says, from a second before the fault on."""
        since = max(self._seen, act.at - 1.0)
        for event in await self.stage.events():
            at, kind = float(event["at"]), str(event.get("event"))
            if at <= since or kind not in TOLD:
                continue
            act.note(at, f"front: {kind}: {event.get('text')}{_evidence(event)}")
            if kind in ("failover", "switch-over") and act.decided is None:
                act.decided = at - act.at
            self._seen = max(self._seen, at)


def _evidence(event: dict[str, Any]) -> str:
    kinds: dict[str, int] = {}
    for item in event.get("evidence") or ():
        kinds[str(item.get("kind"))] = kinds.get(str(item.get("kind")), 0) + 1
    return f" [{', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}]" if kinds else ""


def _told(call: Experience) -> str:
    return f"{call.caller} to {call.number}, {call.why or 'no reason'}"
