"""The simulated prober and the simulated hooks: what they find and do, in truth or in lies."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from invariants import Node

from sipfront.control.actions import RunHook
from sipfront.control.evidence import Checked, Evidence, HookDone
from sipfront.control.settings import Probe

#: deeper questions: how often, how long an answer is waited for, sends of one that gets none
PROBE_EVERY, PROBE_TIMEOUT, SENDS = 2.0, 1.0, 4


class Deeper:
    """A part of :class:`sim.Sim`."""

    now: float
    life: int
    cut: bool
    nodes: list[Node]
    random: random.Random
    outcomes: list[list[tuple[bool, float]]]
    hooked: list[tuple[str, int, float]]
    behaviour: dict[str, str]
    behaved: float
    at: Callable[[float, Callable[[], object]], None]
    tell: Callable[[Evidence], None]
    change: Callable[..., None]

    def _check(self, i: int, probe: Probe) -> None:
        """One deeper question, and its outcome when it is there."""
        self.at(PROBE_EVERY, partial(self._check, i, probe))
        node, began, life = self.nodes[i], self.now, self.life
        once = 1.0 - (1.0 - node.loss_to) * (1.0 - node.loss_from)
        deaf = self.cut or not node.reachable or self.random.random() < once**SENDS

        def end(good: bool | None, text: str) -> None:
            if life != self.life:
                return
            if good is not None and probe.question == "call":
                self.outcomes[i].append((good, self.now))
            took = self.now - began
            self.tell(Checked(i, probe.name, probe.question, good, text, took, self.now))

        if node.lie is not None and probe.question == "call":
            self.at(0.05, partial(end, node.lie, "a lie"))
        elif deaf or node.mute or node.delay > PROBE_TIMEOUT:
            self.at(PROBE_TIMEOUT, partial(end, False, "no answer"))
        elif node.status == 503:
            self.at(node.delay, partial(end, None, "busy"))
        elif probe.question == "ready":
            good = not node.lagging
            self.at(node.delay, partial(end, good, "0 s behind" if good else "40 s behind"))
        elif node.broken:
            self.at(PROBE_TIMEOUT, partial(end, False, "no ringing"))
        else:
            self.at(node.delay, partial(end, True, "audio both ways"))

    def hooks(self, **what: str) -> None:
        """Let hooks behave in another way."""
        for name in what.keys() & self.behaviour.keys():
            self.behaviour[name] = what[name]
        self.behaved = self.now

    def _hook(self, run: RunHook) -> None:
        what = self.behaviour[run.hook]
        good, life = what == "good", self.life

        def end() -> None:
            if life != self.life:
                return  # hooks die with the front
            if good:
                self.hooked.append((run.hook, run.node, self.now))
                if run.hook == "fence":
                    self.change(run.node, alive=False, frozen=False)
                    self.at(5.0, lambda: self.change(run.node, alive=True))
            self.tell(HookDone(run.hook, run.node, run.run, good, what, self.now))

        if what != "hang":
            self.at(self.random.uniform(0.01, 0.5), end)
