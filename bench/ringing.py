"""Calls that ring when their PBX dies: on a real pair, with a crowd of SIPp and some real phones.

``python -m bench ringing kill`` lets a carrier call phones, waits until all of them ring, does the
fault, and prints how many were answered by the called party afterwards without a new try of the
caller, when the last phone that the dead node rang fell silent, and how many To-tags each caller
was told.  ``--one-dialog`` takes a carrier that ends a call on a second To-tag, and says so in the
front's configuration.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import scenarios
from bench.lab import Lab
from bench.report import KINDS_OF_CHANGE
from probes import sipp
from tests.lab.asterisk import password
from tests.lab.leaks import leaks
from tests.lab.phones.baresip import BaresipPhone
from tests.lab.phones.pjsua import PjsuaPhone
from tests.lab.scenes import talk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.capture import Packet
    from tests.lab.phones.base import Call, Phone

FAULTS = ("kill", "freeze")
#: Extensions whose phone is SIPp, and those with real phones: one that calls, two that are called.
CROWD = tuple(str(number) for number in range(1001, 1008))
CALLER, CALLED, CALLED_TOO = "1010", "1009", "1008"
#: How long a phone of the crowd rings, ms: longer than it takes until all of them do.
RING = 7000
#: How long an answered call lasts, ms.
TALK = 1500
#: New calls a second: all of them are up well before the first is answered.
RATE = 25.0
#: How long everything may take after the fault.
LIMIT = 40.0
SETTLE = 3.0


@dataclass
class Outcome:
    """One run.  Moments are the wall clock's."""

    fault: str
    one_dialog: bool
    calls: int = 0
    real: int = 0  #: of these, calls between real phones
    rang: int = 0  #: heard it ring when the fault was done
    answered: int = 0  #: of those that rang then
    heard: int = 0  #: real phones that hear each other after it
    tries: int = 0  #: INVITEs with another Call-ID or CSeq than the first of a call: redials
    tags: int = 0  #: To-tags that one caller was told, at most
    fault_at: float = 0.0
    decided_at: float | None = None
    silenced: list[float] = field(default_factory=list)  #: seconds from decision to the phone's end
    still_ringing: int = 0
    failed: str = ""
    leaks: list[str] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """In words."""
        who = "a carrier that takes one early dialog" if self.one_dialog else "a carrier"
        decided = "no change of role was told"
        if self.decided_at is not None:
            decided = f"decided {1000 * (self.decided_at - self.fault_at):.0f} ms after it"
        last = f"{max(self.silenced):.2f} s after the decision" if self.silenced else "never rung"
        text = [
            (
                f"{self.calls} ringing calls of {who} and of {self.real} real phones, then "
                f"{self.fault} of the active node ({decided})"
            ),
            (
                f"  heard it ring at the fault {self.rang}, answered afterwards {self.answered}, "
                f"tried again by the caller {self.tries}, To-tags told to one caller at most {self.tags}"
            ),
            (
                f"  phones that the dead node rang: {len(self.silenced) + self.still_ringing}, the last "
                f"one silent {last}, still ringing {self.still_ringing}"
            ),
            f"  real phones that hear each other afterwards: {self.heard} of {2 * self.real}",
        ]
        if self.failed:
            text.append(f"  {self.failed}")
        text += [f"  leak: {leak}" for leak in self.leaks[:10]]
        text += [f"  event {event}" for event in self.events]
        text += [f"  {name} {value:g}" for name, value in sorted(self.counters.items())]
        return text

    @property
    def good(self) -> bool:
        """Whether everything that was promised came true."""
        return (
            self.rang == self.answered == self.calls > 0
            and not self.tries
            and not self.still_ringing
            and max(self.silenced, default=0.0) <= 2.0
            and self.heard == 2 * self.real
            and (not self.one_dialog or self.tags == 1)
            and not self.leaks
        )


async def run(fault: str, calls: int = 50, *, one_dialog: bool = False, real: int = 2) -> Outcome:
    """``calls`` calls ring, ``real`` (0 to 2) of them between real phones; then the fault."""
    outcome = Outcome(fault, one_dialog, calls, real)
    with tempfile.TemporaryDirectory(prefix="sipfront-ringing-") as name:
        changes: dict[str, Any] = {}
        lab = Lab(Path(name), **changes)
        trunk = {"name": "carrier", "uri": f"sip:{lab.carrier}:5060"}
        lab.changes["trunks"] = [{**trunk, "two_early_dialogs": not one_dialog}]
        async with lab, AsyncExitStack() as stack:
            await _run(lab, stack, outcome)
    return outcome


async def _run(lab: Lab, stack: AsyncExitStack, outcome: Outcome) -> None:
    await _register(lab)
    phones = await _phones(lab, stack, outcome.real)
    crowd = outcome.calls - outcome.real
    called, caller = _sides(lab, crowd, one_dialog=outcome.one_dialog)
    await asyncio.sleep(SETTLE)  # a front needs a moment to know what its nodes usually do
    async with lab.start(called), lab.start(caller) as calling:
        there = []
        for phone in phones[1:]:
            call = await phones[0].call(phone.user)
            await phone.incoming()
            there.append(call)
        await asyncio.gather(*(call.state("EARLY") for call in there))
        ends = time.monotonic() + RING / 1000 - 1
        while sum(call.ringing is not None for call in calling.calls()) < crowd:
            if time.monotonic() > ends:
                break
            await asyncio.sleep(0.05)
        active = (await lab.front.status())["active"]
        marks = [phone.mark() for phone in phones]
        outcome.fault_at = time.time()
        node = lab.node(active)
        node.kill() if outcome.fault == "kill" else node.freeze()
        heard = await _answer(phones, marks, there, outcome)
        result = await calling.wait()
        await asyncio.gather(*(call.hang_up() for call in there))
    ringing = [
        call
        for call in result.calls
        if call.ringing is not None
        and call.ringing <= outcome.fault_at
        and (call.answered is None or call.answered > outcome.fault_at)
    ]
    outcome.rang = len(ringing) + len(there)
    outcome.heard = heard
    outcome.answered = sum(call.answered is not None for call in ringing) + heard // 2
    if result.failed:
        outcome.failed += str(result)[:500]
    await _judge(lab, active, outcome)


async def _answer(phones: list[Any], marks: list[int], there: list[Call], outcome: Outcome) -> int:
    """The called real phones ring again and are answered; how many hear the other side."""

    async def one(phone: Any, mark: int, other: Any) -> int:
        here = await phone.incoming(limit=LIMIT, since=mark)
        await asyncio.sleep(0.3)  # somebody takes the receiver
        await here.answer()
        await talk(other, here)
        return 2

    pairs = zip(phones[1:], marks[1:], there, strict=True)
    results = await asyncio.gather(*(one(*pair) for pair in pairs), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            outcome.failed += f"a real phone: {result!s:.300} "
    return sum(result for result in results if isinstance(result, int))


async def _register(lab: Lab) -> None:
    agent = sipp.client(
        scen_name="register",
        srcaddr=(lab.phone, 5060),
        destaddr=(lab.address, 5060),
        domain="example.com",
        users=tuple((user, password(user)) for user in CROWD),
        call_count=len(CROWD),
        timeout=20,
    )
    result = await agent.run()
    if not result.ok:
        raise RuntimeError(f"registration failed: {result}\n{lab.front.log_end()}")


async def _phones(lab: Lab, stack: AsyncExitStack, real: int) -> list[Any]:
    """The one that calls, and those that are called; all registered and ringing when called."""
    registrar = f"{lab.address}:5060"
    made: list[Phone] = []
    for number, user in enumerate((CALLER, CALLED, CALLED_TOO)[: real + 1 if real else 0]):
        kind = BaresipPhone if user == CALLED_TOO else PjsuaPhone
        phone: Any = kind(
            user,
            f"127.0.1.{20 + number}",
            lab.folder,
            registrar=registrar,
            password=password(user),
            tone=(350, 520, 1200)[number],
        )
        await stack.enter_async_context(phone)
        await phone.register()
        if isinstance(phone, PjsuaPhone):
            await phone.policy(180)
        made.append(phone)
    return made


def _sides(lab: Lab, crowd: int, *, one_dialog: bool) -> tuple[Any, Any]:
    rings, hears = lab.folder / "rings.xml", lab.folder / "hears.xml"
    rings.write_text(scenarios.called_that_rings(RING))
    hears.write_text(scenarios.caller_who_hears_it_ring(TALK, one_dialog=one_dialog))
    called = sipp.server(scen_file=rings, srcaddr=(lab.phone, 5060), auto_answer=True)
    caller = sipp.client(
        scen_file=hears,
        srcaddr=(lab.carrier, 5060),
        destaddr=(lab.address, 5060),
        domain="example.com",
        caller="004912345",
        users=tuple((CROWD[number % len(CROWD)], "") for number in range(crowd)),
        rate=RATE,
        call_count=crowd,
        timings=True,
        timeout=int(LIMIT + 2 * RING / 1000),
    )
    return called, caller


async def _judge(lab: Lab, dead: str, outcome: Outcome) -> None:
    for event in await lab.front.events():
        at, kind = float(event.get("at", 0.0)), str(event.get("event", event.get("kind")))
        if at < outcome.fault_at - 0.5:
            continue
        text = f"{1000 * (at - outcome.fault_at):+.0f} ms {kind}: {event.get('text', '')}"
        outcome.events.append(text)
        if kind in KINDS_OF_CHANGE and outcome.decided_at is None:
            outcome.decided_at = at
    words = ("moved", "kept", "silenced", "487", "late", "early dialog", "again", "answered")
    for line in (await lab.front.metrics()).splitlines():
        if not line.startswith("#") and any(word in line for word in words):
            label, _, value = line.rpartition(" ")
            outcome.counters[label.partition('what="')[2].partition('"')[0] or label] = float(value)
    packets = lab.packets()
    outcome.leaks = leaks(packets)
    node = lab.addresses[dead]
    ends = ended(packets, lab.address, node, outcome.fault_at)
    decided = outcome.decided_at or outcome.fault_at
    outcome.silenced = [at - decided for at in ends.values() if at is not None]
    outcome.still_ringing = sum(at is None for at in ends.values())
    tags, tries = told(packets, lab.address, lab.carrier, outcome.fault_at)
    outcome.tags, outcome.tries = tags, tries


def ended(
    packets: Iterable[Packet], front: str, node: str, fault_at: float
) -> dict[str, float | None]:
    """The legs that ``node`` rang at the fault, and when each phone gave its final answer."""
    mine: dict[str, float | None] = {}
    for packet in packets:
        cseq = (packet.header("CSeq") or "").partition(" ")[2]
        call_id = packet.header("Call-ID") or ""
        line = packet.first_line
        if packet.source[0] == node and line.startswith("INVITE") and not _tag(packet):
            if packet.at < fault_at:
                mine.setdefault(call_id, None)
        elif packet.target[0] == front and call_id in mine and cseq == "INVITE":
            if line.startswith("SIP/2.0 ") and line[8] >= "2" and packet.source[0] != node:
                mine[call_id] = mine[call_id] or packet.at
    return {call: at for call, at in mine.items() if at is None or at > fault_at}


def told(packets: Iterable[Packet], front: str, carrier: str, fault_at: float) -> tuple[int, int]:
    """(the most To-tags of one of the carrier's calls, INVITEs that are new tries)."""
    tags: dict[str, set[str]] = defaultdict(set)
    first: dict[str, str] = {}
    tries = 0
    for packet in packets:
        call_id, cseq = packet.header("Call-ID") or "", packet.header("CSeq") or ""
        if packet.source[0] == carrier and packet.first_line.startswith("INVITE"):
            if not _tag(packet):
                new = call_id not in first
                tries += first.setdefault(call_id, cseq) != cseq or (new and packet.at > fault_at)
        elif packet.target[0] == carrier and packet.source[0] == front:
            line = packet.first_line
            if cseq.endswith("INVITE") and re.match(r"SIP/2\.0 (1[1-9]|10[1-9]|2)", line):
                tags[call_id].add(_tag(packet))
    return max((len(found) for found in tags.values()), default=0), tries


def _tag(packet: Packet) -> str:
    found = re.search(r";\s*tag=([^;\s]*)", packet.header("To") or "")
    return found[1] if found else ""
