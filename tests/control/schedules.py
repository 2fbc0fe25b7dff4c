"""Random schedules of faults for the simulated pair.  One seed is one schedule, for ever."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from invariants import Broken
from sim import NAMES, Sim, settings

from sipfront.control.decision import Mode
from sipfront.control.settings import Hook, Probe

#: how long faults happen, and how far apart; how long the world is left alone then, and when it is mended
LENGTHS = ((8.0, 2.5), (8.0, 2.5), (8.0, 2.5), (8.0, 2.5), (20.0, 10.0))
TAIL = 6.0
REST = 8.0
#: hooks that failed are tried again after 10 s
REST_HOOKS = 13.0
#: a node that flaps does so for so long
FLAPS = 6.0

Fault = Callable[[Sim, Random], None]


def kill(sim: Sim, chance: Random) -> None:
    """The process dies and comes back after a while, or not before the end."""
    i = chance.randrange(2)
    sim.change(i, alive=False, frozen=False, icmp=chance.choice(["all", "limited", "none"]))
    if chance.random() < 0.8:
        sim.at(chance.uniform(0.03, 15.0), lambda: sim.change(i, alive=True))


def freeze(sim: Sim, chance: Random) -> None:
    """The node stands still for a while: a snapshot, or for good."""
    i = chance.randrange(2)
    sim.change(i, frozen=True)
    sim.at(chance.choice([0.3, 0.7, 1.0, 3.0, 6.0, 20.0]), lambda: sim.change(i, frozen=False))


def slow(sim: Sim, chance: Random) -> None:
    """Answers come late."""
    i = chance.randrange(2)
    sim.change(i, delay=chance.choice([0.02, 0.2, 0.6, 2.0]), jitter=chance.uniform(0.0, 0.2))
    sim.at(chance.uniform(1.0, 20.0), lambda: sim.change(i, delay=0.002, jitter=0.001))


def loss(sim: Sim, chance: Random) -> None:
    """Packets are lost in both directions."""
    i, p = chance.randrange(2), chance.choice([0.02, 0.05, 0.2, 0.5])
    sim.change(i, loss_to=p, loss_from=p)
    sim.at(chance.uniform(1.0, 20.0), lambda: sim.change(i, loss_to=0.0, loss_from=0.0))


def one_way(sim: Sim, chance: Random) -> None:
    """One direction is dead, the other one is not."""
    i, way = chance.randrange(2), chance.choice(["loss_to", "loss_from"])
    sim.change(i, **{way: 1.0})
    sim.at(chance.uniform(0.1, 10.0), lambda: sim.change(i, **{way: 0.0}))


def flap(sim: Sim, chance: Random) -> None:
    """The process dies and comes back again and again."""
    i, period = chance.randrange(2), chance.choice([0.02, 0.2, 1.0, 2.0])
    for n in range(min(chance.randrange(3, 10), int(FLAPS / period))):
        sim.at(n * period, lambda: sim.change(i, alive=False))
        sim.at((n + 0.5) * period, lambda: sim.change(i, alive=True))


def busy(sim: Sim, chance: Random) -> None:
    """Everything is answered with 503."""
    i = chance.randrange(2)
    sim.change(i, status=503)
    sim.at(chance.uniform(1.0, 10.0), lambda: sim.change(i, status=200))


def mute(sim: Sim, chance: Random) -> None:
    """New requests are dropped, dialogs go on: an overloaded Asterisk."""
    i = chance.randrange(2)
    sim.change(i, mute=True)
    sim.at(chance.uniform(0.5, 10.0), lambda: sim.change(i, mute=False))


def deadlock(sim: Sim, chance: Random) -> None:
    """OPTIONS is answered and calls are impossible."""
    i = chance.randrange(2)
    sim.change(i, broken=True)
    sim.at(chance.choice([1.0, 4.0, 20.0, 20.0]), lambda: sim.change(i, broken=False))


def lag(sim: Sim, chance: Random) -> None:
    """A database is behind."""
    i = chance.randrange(2)
    sim.change(i, lagging=True)
    sim.at(chance.uniform(1.0, 12.0), lambda: sim.change(i, lagging=False))


def lie(sim: Sim, chance: Random) -> None:
    """The call probe says what is not so."""
    i = chance.randrange(2)
    sim.change(i, lie=chance.random() < 0.5)
    sim.at(chance.uniform(1.0, 12.0), lambda: sim.change(i, lie=None))


def bad_hooks(sim: Sim, chance: Random) -> None:
    """Hooks fail or hang."""
    sim.hooks(**{name: chance.choice(["good", "fail", "hang"]) for name in sim.behaviour})
    sim.at(chance.uniform(1.0, 12.0), lambda: sim.hooks(**dict.fromkeys(sim.behaviour, "good")))


def cut(sim: Sim, chance: Random) -> None:
    """The front hears nobody."""
    sim.cut_off(True)
    sim.at(chance.choice([0.2, 0.7, 0.9, 2.0, 8.0]), lambda: sim.cut_off(False))


def asleep(sim: Sim, chance: Random) -> None:
    """The front itself stands still."""
    sim.sleep(chance.choice([0.2, 0.5, 1.0, 3.0]))


def restart(sim: Sim, chance: Random) -> None:
    """The front is killed, and soon there again."""
    sim.restart(chance.choice([0.3, 1.0, 3.0]))


def by_hand(sim: Sim, chance: Random) -> None:
    """An operator wants a change."""
    sim.switchover(chance.choice([None, 0, 1]), force=chance.random() < 0.2)


def set_mode(sim: Sim, chance: Random) -> None:
    """An operator drains or stops a node, and puts it back later."""
    i = chance.randrange(2)
    sim.mode(i, chance.choice(["drain", "maintenance"]), force=chance.random() < 0.2)
    sim.at(chance.uniform(1.0, 15.0), lambda: (sim.mode(i, "in-service"), None)[1])


FAULTS: tuple[Fault, ...] = (
    kill, freeze, slow, loss, one_way, flap, busy, mute, deadlock, lag, lie, bad_hooks, cut, asleep,
    by_hand, set_mode,
)  # fmt: skip
#: the same, and the front is killed in between, often
RESTARTS: tuple[Fault, ...] = (*FAULTS, *(restart,) * 8)


def heal(sim: Sim) -> None:
    """Make the world perfect again."""
    sim.cut_off(False)
    sim.hooks(**dict.fromkeys(sim.behaviour, "good"))
    for i in range(2):
        sim.change(
            i, alive=True, frozen=False, mute=False, status=200, delay=0.002, jitter=0.001,
            loss_to=0.0, loss_from=0.0, icmp="all", broken=False, lagging=False, lie=None,
        )  # fmt: skip


#: what deeper probes a pair may have, and what hooks
PROBES = ((), (Probe("echo", "call", stale=20.0), Probe("lag", "ready", stale=20.0)))
HOOKS = (
    (),
    (),
    (Hook("fence", required=True, timeout=1.0), Hook("notify")),
    (
        Hook("fence"),
        Hook("promote", required=True, timeout=1.0),
        Hook("demote", required=True, timeout=1.0),
    ),
)


def schedule(
    seed: int, made: Callable[[Sim], object] | None = None, only: tuple[Fault, ...] = ()
) -> Sim:
    """Run the schedule of this seed, with ``only`` these faults if there are any; raises
    :class:`Broken`, the seed in its text."""
    chance = Random(seed)
    load = chance.choice([0.0, 0.0, 2.0, 5.0])
    sim = Sim(
        seed,
        settings(
            hold_down=chance.choice([5.0, 120.0]),
            failback=chance.choice(["manual", "never", "window"]),
            witnesses=chance.choice([(), (), ("router",)]),
            probes=chance.choice(PROBES),
            hooks=chance.choice(HOOKS),
        ),
        active=chance.choice([None, 0, 0, 1]),
        calls=load,
        chatter=load * chance.choice([0.0, 2.0]),
    )
    if made is not None:
        made(sim)
    faults = only or tuple(chance.sample(FAULTS, chance.randrange(1, len(FAULTS))))
    if chance.random() < 0.3:
        sim.monitor.window(True, sim.now)
    try:
        sim.run(3.0)
        at, length, pause = 0.0, *chance.choice(LENGTHS)
        while at < length:
            fault = chance.choice(faults)
            sim.at(at, lambda fault=fault: fault(sim, chance))  # type: ignore[misc]
            at += chance.expovariate(1 / pause)
        sim.run(length + TAIL)
        heal(sim)
        for i in range(2):
            sim.mode(i, "in-service")
        sim.run(REST_HOOKS if sim.settings.hooks else REST)
        _afterwards(sim)
    except AssertionError as error:
        raise Broken(f"schedule {seed} ({[f.__name__ for f in faults]}): {error}") from error
    return sim


def _afterwards(sim: Sim) -> None:
    """In a perfect world all is well again."""
    active = sim.monitor.active
    if active is None:
        raise Broken("nobody became active in a perfect world")
    redundant, sentence = sim.monitor.redundancy()
    if not redundant:
        raise Broken(f"not redundant in a perfect world: {sentence}")
    status = sim.monitor.status()
    for node in status.nodes:
        if node.state != "UP" or node.mode != Mode.IN_SERVICE.value:
            raise Broken(f"in a perfect world: {node}")
    assert status.active == NAMES[active]
