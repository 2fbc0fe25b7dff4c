"""``sipfront run``: one process, one loop, one front, until a signal ends it.

Exit codes: 0 after SIGTERM or SIGINT; what keeps the front from starting is a
:class:`~sipfront.runtime.errors.StartupError`, which the command prints and turns into 2.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from typing import TYPE_CHECKING, Any

from sipfront import __version__
from sipfront.config.load import load
from sipfront.config.problem import ConfigError
from sipfront.runtime import clock
from sipfront.runtime import log as logs
from sipfront.runtime.errors import PortInUse
from sipfront.runtime.log import event
from sipfront.runtime.notify import notify
from sipfront.runtime.server import Server, default_engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sipfront.config.model import Config
    from sipfront.runtime.server import MakeEngine, StartAdmin

log = logging.getLogger("sipfront.app")

#: How long a port that is in use is waited for: a front that was told to end needs up to 2 s for
#: its transactions, and its store a moment.
PORT_WAIT = 5.0
#: How often it is tried meanwhile.
PORT_LOOK = 0.02

#: Objects that are made before the youngest are looked at, looks before those that outlived them
#: are, and rounds before all are.  The hot path makes no cycles, and a transaction outlives any look:
#: what counts is how long one look lasts.  With 100,000 bindings and 10,000 calls up the longest step
#: was 77 ms with 50,000 objects, 44 ms with 10,000, 21 ms with 2,000; a call cost the same.
#: Looking at all, which takes a quarter of a second, is put off for days.
GC = (2_000, 2, 500_000)


def new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """The loop of uvloop where that is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def run(
    config: Config,
    path: str | Path | None = None,
    admin: StartAdmin | None = None,
    *,
    make_engine: MakeEngine = default_engine,
) -> int:
    """Run the front until it is told to stop.  ``path`` is read again at SIGHUP.

    Raises StartupError.
    """
    logs.setup(config.log.format, config.log.level)
    try:
        with asyncio.Runner(loop_factory=new_loop()) as runner:
            return runner.run(_main(config, path, admin, make_engine))
    finally:
        logs.shutdown()


async def _main(
    config: Config, path: str | Path | None, admin: StartAdmin | None, make_engine: MakeEngine
) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_loop_error)
    stop = asyncio.Event()
    # All that is made here stays: looking through it again and again would double the time that
    # 100,000 bindings take.
    gc.disable()
    server = await _bound(lambda: Server(config, make_engine=make_engine, admin=admin))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(AttributeError):
        loop.add_signal_handler(signal.SIGHUP, lambda: reload(server, path))
    await server.start()
    # What is there now stays for ever: never look at it again.
    gc.freeze()
    gc.set_threshold(*GC)
    gc.enable()
    event(log, logging.INFO, "ready", version=__version__, loop=type(loop).__module__)
    notify("READY=1")
    await stop.wait()
    notify("STOPPING=1")
    event(log, logging.INFO, "stopping")
    await server.stop()
    event(log, logging.INFO, "stopped")
    return 0


async def _bound(make: Callable[[], Server]) -> Server:
    """The server, once its ports are free: the front before it may still be ending."""
    until = clock.now() + PORT_WAIT
    told = False
    while True:
        try:
            return make()
        except PortInUse as error:
            if clock.now() >= until:
                raise
            if not told:
                told = True
                event(log, logging.WARNING, "port_in_use", reason=str(error), waiting=PORT_WAIT)
        await asyncio.sleep(PORT_LOOK)


def _loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop wants to print goes into the log, one line each."""
    error = context.get("exception")
    log.error(
        "loop_error",
        exc_info=error,
        extra={"fields": {"text": context.get("message", "")}},
    )


def reload(server: Server, path: str | Path | None) -> None:
    """Read the configuration again and take from it what can change; say what cannot.

    Blocks for as long as small local files take to read.
    """
    # systemd compares this time with that of its own request (sd_notify(3)).
    notify(f"RELOADING=1\nMONOTONIC_USEC={int(clock.now() * 1e6)}")
    try:
        if path is None:
            config = server.config
        else:
            config, _ = load(path)
    except ConfigError as error:
        for problem in error.problems:
            server.supervisor.record("reload_refused", str(problem), loud=True)
        notify("READY=1")
        return
    logs.setup(config.log.format, config.log.level)
    refused = server.reload(config)
    text = "the configuration was read again"
    if refused:
        text += f"; a restart is needed for changes in {', '.join(refused)}"
    server.supervisor.record("reload", text, loud=bool(refused))
    notify("READY=1")
