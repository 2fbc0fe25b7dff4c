"""The running front: all shells around one engine and one monitor, started and stopped together.

Builds what the configuration says and connects it; every rule is elsewhere.  The admin side is
handed in by the command (this folder must not know it) and asks :class:`FrontControl`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from sipfront.runtime import clock, keys, plan, roles, window
from sipfront.runtime.chronicle import Chronicle
from sipfront.runtime.connection import hang_up
from sipfront.runtime.credentials import Credentials
from sipfront.runtime.draining import Draining
from sipfront.runtime.engine_view import EngineView
from sipfront.runtime.errors import StartupError
from sipfront.runtime.front_control import FrontControl
from sipfront.runtime.health import Health
from sipfront.runtime.log import event
from sipfront.runtime.loop import Driver
from sipfront.runtime.persist import BEHIND, Persist, open_store
from sipfront.runtime.records import Recorder, open_calls
from sipfront.runtime.rescuer import Rescuer
from sipfront.runtime.setups import Journaling
from sipfront.runtime.sockets import Sockets
from sipfront.runtime.streams import Bounds, Streams
from sipfront.runtime.supervisor import Supervisor
from sipfront.runtime.tape import Tape
from sipfront.runtime.tls import Contexts, Files
from sipfront.runtime.trunks import Trunks
from sipfront.runtime.witness import Witnesses
from sipfront.stack.front import Engine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sipfront.config.model import Admin, Config
    from sipfront.runtime.dns import Resolver
    from sipfront.runtime.ports import EnginePort
    from sipfront.stack.accounts import Account
    from sipfront.stack.flows import Flow, Flows
    from sipfront.stack.settings import Settings

log = logging.getLogger("sipfront.server")

#: A node that could not be connected to (no route yet) is tried again so often.
RECONNECT = 5.0
#: At SIGTERM transactions under way may finish for so long; then the next front takes over.
FINISH = 2.0
#: How often it is looked whether they have.
LOOK = 0.02


class Stoppable(Protocol):
    """The admin side, once it serves."""

    async def stop(self) -> None:
        """Stop serving."""


if TYPE_CHECKING:
    StartAdmin = Callable[[Admin, Any], Awaitable[Stoppable]]
    MakeEngine = Callable[[Settings, Flows, Callable[[int], bytes]], EnginePort]


def default_engine(settings: Settings, flows: Flows, entropy: Callable[[int], bytes]) -> EnginePort:
    """The real one."""
    return Engine(settings, flows, entropy)


def tls_files(config: Config) -> Files:
    """Where the certificates are."""
    tls = config.front.tls
    return Files(tls.certificate, tls.key, tls.authorities)


class Server:
    """One front.  :meth:`start`, then :meth:`stop`; :meth:`reload` in between."""

    def __init__(
        self,
        config: Config,
        *,
        make_engine: MakeEngine = default_engine,
        admin: StartAdmin | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """Binds everything; must be called on the loop.  Raises StartupError."""
        self.config = config
        self.started = clock.now()
        self.contexts = Contexts(tls_files(config))
        offset = clock.wall() - clock.now()
        settings = plan.engine_settings(config, keys.load(config.keys), offset)
        self._trunks = settings.trunks
        self.sockets = Sockets(plan.plan(config))
        self.engine = make_engine(settings, self.sockets.flows, secrets.token_bytes)
        try:
            self.store = open_store(config.store)
        except BaseException:
            self.sockets.close()
            raise
        self._stored = self.store.load()
        control = plan.control_settings(config)
        self._offset = offset
        self.monitor = roles.restored(control, self._stored, clock.now(), offset)
        self.witnesses = Witnesses(self._witnessed)
        self.supervisor = Supervisor(self.engine, self.monitor, ask_witness=self.witnesses.ask)
        self.chronicle = Chronicle(self.store)
        self.chronicle.restore(self._stored)
        self.supervisor.remember(self.chronicle)
        self.supervisor.tape = self.tape = Tape(config.trace)
        self.view: EngineView | None = None
        self.persist: Persist | None = None
        if isinstance(self.engine, Engine):
            self.view = EngineView(self.engine.shared, clock.now)
            self.supervisor.rescuer = Rescuer(self.engine.care)
            self.supervisor.owned = self.view.owned
            self.supervisor.traffic = self.view.traffic
            self.persist = Persist(
                self.engine, self.store, self.sockets.flows, self._node_flow, offset
            )
            self.supervisor.on_roles = self._save_roles
        self.supervisor.hang_up = hang_up
        self.credentials = Credentials(
            config.registrations.credentials, self._accounts, self.supervisor.record
        )
        self.recorder: Recorder | None = None
        self.draining: Draining | None = None
        self.journaling: Journaling | None = None
        if isinstance(self.engine, Engine) and self.view is not None and self.persist is not None:
            table = open_calls(config.store, config.records.keep, config.records.age)
            names = [node.name for node in config.nodes]
            self.recorder = Recorder(self.engine.shared, table, names, offset)
            tell = self.supervisor.record
            self.journaling = Journaling(
                self.engine, self.persist, self.recorder, config.store, offset, tell
            )
            self.draining = Draining(
                self.engine, self.store, names, self.view.owned, self.supervisor.record
            )
        self.driver = Driver(self.engine, self.supervisor)
        self.driver.tape = self.tape.wanted if self.persist is not None else None
        if self.journaling is not None:
            self.driver.before = self.journaling.write
        self.trunks = Trunks(self.sockets, self._trunk_resolved, resolver=resolver)
        self.streams = Streams(
            self.sockets,
            self.driver,
            self.contexts,
            bounds=Bounds(config.limits.connections, config.limits.connections_per_source),
            renew=self._renew,
            holds=self.view.holds if self.view is not None else getattr(self.engine, "holds", None),
        )
        self.trunks.streams = self.streams
        self.driver.dial = self.streams.dial
        self.health = Health(config, self.supervisor, self.driver.wake)
        self.control = FrontControl(self)
        self._start_admin = admin
        self._admin: Stoppable | None = None
        self._node_flows: list[tuple[Flow, ...]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._saver: asyncio.TimerHandle | None = None
        self._store_healthy = self._records_written = True

    def _node_flow(self, node: int) -> Flow | None:
        flows = self._node_flows[node] if node < len(self._node_flows) else ()
        return flows[0] if flows else None

    def _restore(self) -> None:
        """Dialogs and bindings of before; from now on what changes is saved."""
        aside = getattr(self.store, "aside", None)
        if aside is not None:
            text = f"the store was damaged; it was put aside as {aside}, a new one is begun"
            self.supervisor.record("store_damaged", text, loud=True)
        if self.persist is None:
            return
        begun = clock.now()
        remembered = bool(self._stored)
        self.persist.restore(self._stored, begun)
        if self.draining is not None:
            self.draining.restore(self._stored, [mode.value for mode in self.monitor.modes])
        self._stored = []
        if self.journaling is not None:
            self.journaling.restore(remembered=remembered, now=begun)
        if self.persist.legs or self.persist.bindings or self.persist.dropped:
            text = (
                f"{self.persist.legs} dialogs and {self.persist.bindings} bindings are known again "
                f"after {1000 * (clock.now() - begun):.0f} ms"
            )
            if self.persist.dropped:
                text += f"; {self.persist.dropped} rows could not be read"
            self.supervisor.record("restored", text, loud=bool(self.persist.dropped))
        self._save()

    def _save(self) -> None:
        """Hand what changed to the store, again and again; say when it stops to be saved."""
        if self.persist is None:
            return
        self._saver = asyncio.get_running_loop().call_later(BEHIND, self._save)
        self.chronicle.turn(clock.now())
        self.tape.turn(clock.now())
        if self.journaling is not None:
            self.journaling.settle(clock.now())
        if self.draining is not None and self.draining.turn(clock.now(), clock.wall()):
            self.driver.wake()
        self.persist.save()
        if self.recorder is not None:
            self.recorder.save(clock.now())
            written, text = self.recorder.store.health()
            if written != self._records_written:
                self._records_written = written
                kind = "records_recovered" if written else "records_degraded"
                self.supervisor.record(kind, text, loud=not written)
        healthy, text = self.store.health()
        if healthy != self._store_healthy:
            self._store_healthy = healthy
            kind = "store_recovered" if healthy else "store_degraded"
            self.supervisor.record(kind, text, loud=not healthy)

    def _save_roles(self) -> None:
        """The roles, modes or what is owed have changed: written at once."""
        if self.persist is not None:
            self.store.put(roles.rows(self.monitor, self._offset))

    async def start(self) -> None:
        """Begin to serve.  Raises StartupError; then everything is closed."""
        try:
            for index in range(len(self.config.nodes)):
                self._node_flows.append(self.sockets.node_flows(index))
                self.engine.node_flows(index, self._node_flows[index])
            self._restore()
            # Known before the first socket receives: what comes in at once is answered at once.
            self.driver.datagrams = self.sockets.datagrams
            await self.health.start()
            await self.sockets.start_udp(self.driver)
            self.streams.start()
            self.trunks.set(self.config.trunks)
            if self._start_admin is not None:
                self._admin = await self._start_admin(self.config.admin, self.control)
        except BaseException:
            await self._close()
            raise
        self.credentials.start()
        task = asyncio.get_running_loop().create_task(self._reconnect())
        self._tasks.add(task)
        if self.config.failover.window is not None:
            watching = window.watch(self.config.failover.window, self._window)
            self._tasks.add(asyncio.get_running_loop().create_task(watching))
        self.driver.wake()
        for bound in self.sockets.bound:
            for listener in (bound.outside, bound.inside):
                if listener is not None:
                    event(
                        log,
                        logging.INFO,
                        "listening",
                        at=f"{bound.transport.name.lower()}://{listener.bound[0]}:{listener.bound[1]}",
                        side="inside" if listener.inside else "outside",
                        advertised=listener.contact,
                    )

    async def stop(self) -> None:
        """Take no new connections, let transactions finish, close."""
        self.streams.stop_accepting()
        busy: Callable[[], int] | None = getattr(self.engine, "busy", None)
        until = clock.now() + FINISH
        while busy is not None and busy() and clock.now() < until:  # noqa: ASYNC110 - the engine has no events, it is pure
            await asyncio.sleep(LOOK)
        self.driver.flush()
        await self._close()

    async def _close(self) -> None:
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None
        await self.credentials.close()
        await self.health.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Before the ports are free: the next front reads the store as soon as it has them.
        self.driver.close()
        if self._saver is not None:
            self._saver.cancel()
        if self.persist is not None:
            self.persist.save()
        await asyncio.to_thread(self.chronicle.close)
        if self.recorder is not None:
            self.recorder.save(clock.now())
            await asyncio.to_thread(self.recorder.store.close)
        await asyncio.to_thread(self.store.close)
        if self.journaling is not None:
            self.journaling.close()
        self.witnesses.close()
        await self.trunks.close()
        await self.streams.close()
        self.sockets.close()
        # Transports close in the next turn of the loop.
        await asyncio.sleep(0)

    # ------------------------------------------------------------------ reload

    def reload(self, config: Config) -> list[str]:
        """Take from ``config`` what can change while running; the keys that cannot, by name."""
        old, new = self.config, config
        if self.contexts.reload(tls_files(new), self._bad_certificate):
            self.supervisor.record("certificates", "the certificates were read again")
        refused = []
        if not self._reload_trunks(new):
            refused.append("trunks")
        for name in type(new).model_fields:
            if name in ("log", "trace", "trunks"):
                continue
            before, after = getattr(old, name), getattr(new, name)
            if name == "registrations":
                before = before.model_copy(update={"credentials": ()})
                after = after.model_copy(update={"credentials": ()})
            if name == "front":
                before = before.model_copy(update={"tls": None})
                after = after.model_copy(update={"tls": None})
            if before != after:
                refused.append(name)
        self.credentials.reload(new.registrations.credentials)
        self.tape.bound(new.trace)
        self.driver.tape = self.tape.wanted if self.persist is not None else None
        kept = {name: getattr(old, name) for name in refused}
        if "registrations" in kept:
            its = {"credentials": new.registrations.credentials}
            kept["registrations"] = old.registrations.model_copy(update=its)
        kept["front"] = old.front.model_copy(update={"tls": new.front.tls})
        self.config = new.model_copy(update=kept)
        self.driver.wake()
        return refused

    def _reload_trunks(self, new: Config) -> bool:
        """Trunks, and the credentials that stand in files of their own; false: as they were."""
        try:
            trunks = tuple(plan.engine_trunk(trunk) for trunk in new.trunks)
        except StartupError as error:
            self.supervisor.record("trunks_refused", f"{error}; all stay as they were", loud=True)
            return False
        if new.trunks == self.config.trunks and trunks == self._trunks:
            return True
        changed = getattr(self.engine, "trunks_changed", None)
        if changed is None:
            return False
        self._trunks = trunks
        changed(trunks, clock.now())
        self.trunks.set(new.trunks)
        return True

    def _bad_certificate(self, text: str) -> None:
        self.supervisor.record("certificate_refused", f"{text}; the old one stays", loud=True)

    # ------------------------------------------------------------------ wiring

    def _accounts(self, accounts: Mapping[bytes, Account]) -> None:
        """The phones' credentials were read."""
        changed = getattr(self.engine, "accounts_changed", None)
        if changed is not None:
            changed(accounts, clock.now())
            self.driver.wake()

    def _trunk_resolved(self, name: str, flows: tuple[Flow, ...]) -> None:
        self.engine.trunk_resolved(name, flows, clock.now())
        self.driver.wake()

    def _window(self, is_open: bool) -> None:
        """The window for fail-back opened or closed."""
        self.supervisor.window(is_open)
        self.driver.wake()

    def _witnessed(self, name: str, answered: bool) -> None:
        self.supervisor.witnessed(name, answered)
        self.driver.wake()

    def _renew(self, flow: Flow) -> None:
        """A connection that we made has ended: its peer gets a new flow, dialled when needed."""
        if flow.node >= 0:
            flows = self.sockets.node_flows(flow.node, self._node_flows[flow.node])
            self._node_flows[flow.node] = flows
            self.engine.node_flows(flow.node, flows)
            self.driver.wake()
        else:
            self.trunks.renew(flow)

    async def _reconnect(self) -> None:
        """Until every UDP node has its connected socket."""
        while not await self.sockets.connect_nodes(self.driver):  # noqa: ASYNC110 - nothing tells of new routes
            await asyncio.sleep(RECONNECT)
