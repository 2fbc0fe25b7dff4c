"""Control's shell: notices become evidence, decisions become probes, routes and events.

It judges nothing.  ``stack`` and ``control`` do not know each other, so their values are turned
into each other here, field for field.  Imported by the runtime only.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from sipfront.control import actions, evidence
from sipfront.runtime import clock
from sipfront.runtime.log import event, tame
from sipfront.runtime.measures import Measures
from sipfront.stack import notices as told
from sipfront.stack.route import NodeState, Route, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sipfront.control.monitor import Monitor
    from sipfront.runtime.chronicle import Chronicle
    from sipfront.runtime.ports import EnginePort
    from sipfront.runtime.rescuer import Rescuer
    from sipfront.runtime.tape import Tape
    from sipfront.stack.flows import Flow

log = logging.getLogger("sipfront.control")
engine_log = logging.getLogger("sipfront.engine")

#: Events kept for ``sipfront status`` and the admin side.
EVENTS = 1000
#: A node that speaks 1,000 times a second is heard by control 100 times a second; before anything
#: is judged it is told the newest anyway.
HEAR = 0.01

#: Real calls are counted so often, seconds: ten times in what is looked back on.
COUNT = 0.9

#: Lines about single calls that are written in a second; writing 5,000 of them would take 0.1 s
#: just when there is most to do.
NOTES = 500

#: Kinds of events that somebody should look at.
_LOUD = {"failover", "down", "unknown", "lost", "kept", "alarm", "asleep", "overloaded"}


class Supervisor:
    """Feeds one :class:`Monitor` and carries out what it wants."""

    def __init__(
        self,
        engine: EnginePort,
        monitor: Monitor,
        *,
        ask_witness: Callable[[str], None] | None = None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self.engine = engine
        self.monitor = monitor
        #: the last route that was pushed
        self.route: Route | None = None
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS)
        #: each is called with every event, at once; it must not block nor raise
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        #: events so far; each carries its number as ``id``
        self.count = 0
        #: keeps roles, modes and what is owed, where something keeps them
        self.on_roles: Callable[[], None] | None = None
        #: is told every change of role with all that it came from
        self.on_change: Callable[[actions.Event], None] | None = None
        #: ends the dialogs of nodes that are gone for good
        self.rescuer: Rescuer | None = None
        #: runs a hook; :meth:`hook_done` is told its end
        self.run_hook: Callable[[actions.RunHook], None] | None = None
        #: closes a connection
        self.hang_up: Callable[[Flow], None] | None = None
        #: per node: final answers to real calls so far, and how many of them were failures
        self.traffic: Callable[[], Sequence[tuple[int, int]]] | None = None
        self._counted: tuple[tuple[int, int], ...] = ()
        self._count_at = 0.0
        self.measures = Measures()
        self.listeners.append(self.measures.event)
        self._lost = (False,) * len(monitor.settings.nodes)
        self._ask = ask_witness
        self._now = now
        #: live dialogs of a node
        self.owned: Callable[[int], int] | None = None
        self._heard = [0.0] * len(monitor.settings.nodes)
        self._deadline: float | None = None
        #: remembers messages, and what was done for calls
        self.tape: Tape | None = None
        self._notes_at, self._notes = 0.0, 0
        #: when control hears again of nodes that spoke
        self._hear_at = 0.0

    def remember(self, chronicle: Chronicle) -> None:
        """Go on from the events that were kept, and have the new ones kept."""
        self.events = chronicle.events
        self.count = chronicle.count
        self.listeners.append(chronicle.add)
        self.on_change = chronicle.changed

    # ------------------------------------------------------------------ the driver's verbs

    def tell(self, notices: Sequence[told.Notice]) -> None:
        """The engine's news: evidence for the monitor, lines for the log."""
        self._pass_on_heard()
        for notice in notices:
            if isinstance(notice, told.Refused):
                self.monitor.evidence(evidence.Refused(*notice))
            elif isinstance(notice, told.Silent):
                self.monitor.evidence(evidence.Silent(*notice))
            elif isinstance(notice, told.Answered):
                self.monitor.evidence(evidence.Answered(*notice))
            elif isinstance(notice, told.Overload):
                self.monitor.evidence(evidence.Overload(*notice))
            elif isinstance(notice, told.Rejected):
                self._rejected(notice)
            elif isinstance(notice, told.Reached):
                self._reached(notice)
            elif isinstance(notice, told.HangUp):
                if self.hang_up is not None:
                    self.hang_up(notice.flow)
            else:
                self._note(notice)
        self._deadline = None

    def next_deadline(self) -> float | None:
        """When :meth:`expire` wants to be called."""
        if self._deadline is None:
            self._deadline = self.monitor.next_deadline()
        slice_ = self.rescuer.next_deadline() if self.rescuer is not None else None
        return self._deadline if slice_ is None else min(self._deadline, slice_)

    def expire(self, now: float) -> None:
        """Time has passed; control is asked only when its own deadline has come."""
        if self._deadline is None or now >= self._deadline:
            self._pass_on_heard()
            self._drained(now)
            self._count_traffic(now)
            self.monitor.expire(now)
            self._deadline = None

    def act(self, now: float) -> bool:
        """Carry out what was decided; false if there was nothing."""
        if now >= self._hear_at:
            self._hear_at = now + HEAR
            self._pass_on_heard()
        wanted = self.monitor.take()
        for action in wanted:
            if isinstance(action, actions.SendProbe):
                self.engine.probe(action.node, action.probe, now, action.kind)
            elif isinstance(action, actions.Roles):
                self._push(action, now)
                self._remember()
            elif isinstance(action, actions.Event):
                self._event(action, now)
            elif isinstance(action, actions.RunHook):
                self._run_hook(action)
            elif self._ask is not None:
                self._ask(action.name)
        if wanted:
            self._deadline = None
        rescued = self.rescuer is not None and self.rescuer.act(now)
        return bool(wanted) or rescued

    # ------------------------------------------------------------------ from others

    def witnessed(self, name: str, answered: bool) -> None:
        """A witness was asked."""
        self._pass_on_heard()
        self.monitor.evidence(evidence.Witness(name, answered, self._now()))
        self._deadline = None

    def checked(self, outcome: evidence.Checked) -> None:
        """A deeper probe has an outcome.  The driver is to be woken after this."""
        self._pass_on_heard()
        # What nodes, libraries and commands say goes into sentences, the store and the history.
        self.monitor.evidence(outcome._replace(text=tame(outcome.text)))
        self._deadline = None

    def hook_done(self, done: evidence.HookDone) -> None:
        """A hook has ended.  The driver is to be woken after this."""
        self._pass_on_heard()
        self.measures.hook(done)
        self.monitor.evidence(done._replace(text=tame(done.text)))
        self._deadline = None
        self._remember()  # a node is not to be demoted any more, or is

    def _run_hook(self, run: actions.RunHook) -> None:
        """Without a runner no hook can be configured; one that is asked for all the same fails."""
        if self.run_hook is not None:
            self.run_hook(run)
        else:
            text = "nothing runs hooks here"
            self.hook_done(evidence.HookDone(run.hook, run.node, run.run, False, text, self._now()))

    def window(self, is_open: bool) -> None:
        """The window for fail-back opened or closed."""
        self._pass_on_heard()
        self.monitor.window(is_open, self._now())
        self._deadline = None

    def switchover(self, to: str | None, force: bool) -> tuple[bool, str]:
        """The operator wants another active node."""
        self._pass_on_heard()
        self._deadline = None
        return self.monitor.switchover(to, self._now(), force)

    def set_mode(self, node: str, mode: str) -> tuple[bool, str]:
        """The operator's wish for a node."""
        self._pass_on_heard()
        self._deadline = None
        done = self.monitor.mode(node, mode, self._now())
        self._remember()
        return done

    def _remember(self) -> None:
        if self.on_roles is not None:
            self.on_roles()

    def record(self, kind: str, text: str, **more: Any) -> None:
        """An event of the runtime's own (a reload, a certificate): logged and kept."""
        level = logging.WARNING if more.pop("loud", False) else logging.INFO
        entry = {"at": clock.wall(), "event": kind, "text": text, **more}
        event(log, level, kind, text=text, **more)
        self._keep(entry)

    # ------------------------------------------------------------------ turning values

    def _drained(self, now: float) -> None:
        """A draining node that owns no dialog any more is told to control."""
        if self.owned is None or self.route is None:
            return
        for node, standing in enumerate(self.route.standings):
            if standing is Standing.DRAINING and not self.owned(node):
                self.monitor.drained(node, now)

    def _count_traffic(self, now: float) -> None:
        """Tell control once a second how real calls went."""
        if self.traffic is None or now < self._count_at + COUNT:
            return
        self._count_at = now
        counted = tuple(self.traffic())
        before = self._counted or counted
        self._counted = counted
        for node, ((finals, failed), (was, bad)) in enumerate(zip(counted, before, strict=True)):
            self.monitor.evidence(evidence.Traffic(node, finals - was, failed - bad, now))

    def _pass_on_heard(self) -> None:
        for node, at in enumerate(self.engine.heard):
            if at > self._heard[node]:
                self._heard[node] = at
                self.monitor.heard(node, at)

    def _push(self, roles: actions.Roles, now: float) -> None:
        """The roles as the engine knows them."""
        self.route = Route(
            roles.epoch,
            roles.active,
            tuple(Standing[standing.name] for standing in roles.standings),
            tuple(NodeState[state.name] for state in roles.states),
            roles.ready,
            roles.why,
        )
        self.engine.route_changed(self.route, now)
        for node, lost in enumerate(roles.lost):
            if lost and not self._lost[node] and self.rescuer is not None:
                self.rescuer.give_up(node, now)
        self._lost = roles.lost
        names = self.monitor.settings.nodes
        event(
            log,
            logging.DEBUG,
            "route",
            epoch=roles.epoch,
            active="none" if roles.active is None else names[roles.active],
            states=",".join(state.name for state in roles.states),
            standings=",".join(standing.name for standing in roles.standings),
            ready=",".join("yes" if ready else "no" for ready in roles.ready),
            why=roles.why,
        )

    def _event(self, happened: actions.Event, now: float) -> None:
        level = logging.WARNING if happened.kind in _LOUD else logging.INFO
        fields: dict[str, Any] = {"node": happened.node} if happened.node else {}
        if happened.rule != happened.kind:
            fields["rule"] = happened.rule
        if happened.took is not None:
            fields["took"] = round(happened.took, 6)
        if happened.case is not None:
            fields["rule"] = happened.rule
            if self.on_change is not None:
                self.on_change(happened)
        event(log, level, happened.kind, epoch=happened.epoch, text=happened.sentence, **fields)
        self._keep(
            {
                "at": clock.wall() - (now - happened.at),
                "event": happened.kind,
                "text": happened.sentence,
                "epoch": happened.epoch,
                "evidence": [
                    {"kind": type(item).__name__.lower(), **_aged(item, now)}
                    for item in happened.evidence
                ],
                **fields,
            }
        )

    def _keep(self, entry: dict[str, Any]) -> None:
        self.count += 1
        entry = {**tame(entry), "id": self.count}
        self.events.append(entry)
        for listener in tuple(self.listeners):
            listener(entry)

    def _rejected(self, notice: told.Rejected) -> None:
        """The line that fail2ban reads: its fields and their order are a promise."""
        event(
            engine_log,
            logging.WARNING,
            "rejected",
            host=notice.host,
            port=notice.port,
            transport=notice.transport,
            reason=notice.reason,
            aor=notice.aor,
            method=notice.method,
            banned=notice.banned,
        )

    def _reached(self, notice: told.Reached) -> None:
        """How many phones the new active node can call."""
        name = self.monitor.settings.nodes[notice.node]
        text = (
            f"{notice.reached} of {notice.phones} phones reachable on {name} "
            f"after {notice.took:.1f} s"
        )
        fields = {"reached": notice.reached, "phones": notice.phones, "took": notice.took}
        self.record("phones_reachable", text, node=name, **fields)

    def _note(self, notice: told.Note) -> None:
        """What was done for a call: remembered for a trace, and one line of the log.

        When a node with thousands of calls dies there are as many notes; the first of each second
        are written, of the others how many there were.
        """
        if self.tape is not None:
            self.tape.note(notice.at, notice.event, notice.call_id, notice.detail)
        if notice.at >= self._notes_at + 1.0:
            if self._notes > NOTES:
                event(engine_log, logging.INFO, "notes_left_out", count=self._notes - NOTES)
            self._notes_at, self._notes = notice.at, 0
        self._notes += 1
        if self._notes > NOTES:
            return
        calls = {"call_id": notice.call_id, "other_call_id": notice.other_call_id}
        fields = {name: value for name, value in calls.items() if value}
        event(engine_log, logging.INFO, notice.event, **fields, detail=notice.detail)


def _aged(item: evidence.OfNode, now: float) -> dict[str, Any]:
    """A piece of evidence with its times as seconds before ``now``: the monotonic clock means
    nothing to a reader."""
    values = item._asdict()
    for key in ("at", "sent", "since"):
        if key in values:
            values[key] = round(values[key] - now, 6)
    return values
