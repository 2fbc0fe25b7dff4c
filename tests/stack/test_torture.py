"""The torture messages of RFC 4475 against the engine, over UDP and over a stream.

``tests/torture/expect.tsv`` says for each what a front must do: forward it (yes, may, no), answer
with one of ``codes``, or be silent (``drop``).  Over a stream each comes whole, one octet at a
time, and twice in one write.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from sipfront.sip.errors import SipError
from sipfront.sip.message import scan
from sipfront.sip.stream import Framer, FramingError
from sipfront.stack.flows import Flow
from tests.stack.world import World

FOLDER = Path(__file__).parents[1] / "torture"

#: Otherwise than the table: a request for a host that is neither served nor ours is refused.
BY_DESIGN = {"rfc4475/esc02.dat": {403}}
#: Complete only when the peer goes on writing: a stream waits (the shell has a deadline).
WAITS = {"rfc4475/clerr.dat", "rfc4475/baddn.dat"}


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    forward: str
    codes: frozenset[int]
    drop: str

    @property
    def data(self) -> bytes:
        """The octets."""
        return (FOLDER / self.name).read_bytes()


def cases() -> list[Case]:
    with (FOLDER / "expect.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [
            Case(
                row["file"],
                row["forward"],
                frozenset(int(code) for code in row["codes"].split("|") if code),
                row["drop"],
            )
            for row in rows
        ]


CASES = cases()


def judge(case: Case, world: World, sent: list[tuple[Flow, bytes]]) -> None:
    """Whether what came out is one of the things that may come out."""
    forwarded = [data for flow, data in sent if flow.node >= 0]
    # An answer gives back what was wrong, so it is not always well formed itself.
    answers = [int(data[8:11]) for flow, data in sent if flow.node < 0]
    allowed = case.codes | BY_DESIGN.get(case.name, set())
    told = f"{case.name}: forwarded {len(forwarded)}, answered {answers}: {world.engine.counters}"
    if forwarded:
        assert case.forward in ("yes", "may"), told
        assert len(forwarded) == 1, told
        for data in forwarded:
            scan(data)  # what we send is well formed
    elif answers:
        assert set(answers) <= allowed, told
    else:
        assert case.drop in ("yes", "may"), told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_udp(case: Case) -> None:
    """One datagram."""
    world = World()
    world.engine.receive(case.data, world.phone("192.0.2.200", 5060), world.now)
    judge(case, world, world.engine.take())
    world.wait(40.0)  # and nothing goes wrong later


def over_stream(case: Case, pieces: list[bytes]) -> tuple[World, list[tuple[Flow, bytes]], int]:
    """What the engine says when a connection carries these pieces; and how many messages."""
    world = World()
    flow = world.flows.stream(world.tcp, "192.0.2.200", 40000, handle=object())
    framer = Framer()
    count = 0
    found: list[bytes] = []
    for piece in pieces:
        try:
            found += framer.feed(piece)
        except FramingError as error:
            found += error.messages
            if error.status:
                found.append(error.head)
            break
    for data in found:
        if data.strip():
            count += 1
            world.engine.receive(data, flow, world.now)
    return world, world.engine.take(), count


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stream(case: Case) -> None:
    """Whole and octet by octet give the same; two in one write are two."""
    data = case.data
    whole, sent, count = over_stream(case, [data])
    _, chopped, same = over_stream(case, [data[i : i + 1] for i in range(len(data))])
    assert [item[1] for item in chopped] == [item[1] for item in sent]
    assert same == count
    if case.name in WAITS and not sent:
        assert count == 0
        return
    if case.name != "rfc4475/dblreq.dat":  # over a stream these are two good messages
        judge(case, whole, sent)
    _, _, twice = over_stream(case, [data + data])
    assert twice in (count, 2 * count, count + 1)


def forwarded(name: str) -> bytes:
    """What reaches the node of one message."""
    world = World()
    data = (FOLDER / "rfc4475" / name).read_bytes()
    world.engine.receive(data, world.phone("192.0.2.200", 5060), world.now)
    (sent,) = [text for flow, text in world.engine.take() if flow.node >= 0]
    return sent


def test_what_is_not_understood_passes_byte_for_byte() -> None:
    """intmeth: 32 octets above 0x7f and one NUL come through."""
    original = (FOLDER / "rfc4475" / "intmeth.dat").read_bytes()
    sent = forwarded("intmeth.dat")
    for line in original.split(b"\r\n"):
        if line.lower().startswith((b"to:", b"from:", b"extensionheader")):
            assert line in sent


def test_bodies_are_not_touched() -> None:
    """Binary parts, unusual types and odd SDP stay as they are."""
    for name in ("mpart01.dat", "invut.dat", "sdp01.dat"):
        try:
            sent = forwarded(name)
        except ValueError:
            continue  # refused as a whole
        original = scan((FOLDER / "rfc4475" / name).read_bytes())
        assert scan(sent).body == original.body


def test_no_route_of_a_stranger_is_followed() -> None:
    """Preloaded Routes and foreign Vias never name a place that we send to."""
    for case in CASES:
        world = World()
        source = world.phone("192.0.2.200", 5060)
        world.engine.receive(case.data, source, world.now)
        for flow, _ in world.engine.take():
            assert flow.node >= 0 or flow.host == source.host, case.name


def test_the_reply_returns_over_every_via() -> None:
    """longreq has 34 of them."""
    world = World()
    data = (FOLDER / "rfc4475" / "longreq.dat").read_bytes()
    phone = world.phone("192.0.2.200", 5060)
    world.engine.receive(data, phone, world.now)
    from sipfront.sip.headers import VIA
    from tests.stack.world import Sent, answer

    ((flow, sent),) = world.engine.take()
    out = world.hear(flow, answer(Sent(flow, scan(sent)), 404, tag="x"))
    original = b",".join(scan(data).values(VIA)).count(b"SIP")
    (reply,) = [item for item in out if item.flow.node < 0]
    assert b",".join(reply.message.values(VIA)).count(b"SIP") == original


def test_a_bad_branch_is_no_retransmission() -> None:
    """badbranch: the cookie alone; another request with it is another transaction."""
    data = (FOLDER / "rfc4475" / "badbranch.dat").read_bytes()
    world = World()
    phone = world.phone("192.0.2.200", 5060)
    world.engine.receive(data, phone, world.now)
    world.engine.take()
    try:
        message = scan(data)
    except SipError:
        return
    other = data.replace(message.call_id, b"other-" + message.call_id)
    world.engine.receive(other, phone, world.now)
    assert world.engine.take()
