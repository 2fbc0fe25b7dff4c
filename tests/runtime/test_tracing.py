from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from sipfront.config.tracing import Trace
from sipfront.runtime import clock, tracing
from sipfront.runtime.tape import Tape
from sipfront.runtime.tracing import Busy, Tracer, Wanted, label
from sipfront.stack.flows import Flow, Listener, Transport

OUT = Listener(0, Transport.TLS, b"192.0.2.1", 5061, inside=False, bound=("192.0.2.1", 5061))
IN = Listener(1, Transport.UDP, b"10.0.0.1", 5062, inside=True, bound=("10.0.0.1", 5062))


class Room:
    """A tape, flows to two phones, a trunk and two nodes, and somebody who reads it."""

    def __init__(self) -> None:
        self.tape = Tape(Trace())
        self.phone, self.other = Flow(1, OUT, "198.51.100.7", 40000), Flow(2, OUT, "2001:db8::9", 4)
        self.phone.used_by(b"1001@example.com")
        self.carrier = Flow(3, OUT, "203.0.113.5", 5060)
        self.nodes = [Flow(4, IN, "10.0.0.11", 5060, 0), Flow(5, IN, "10.0.0.12", 5060, 1)]
        self.events: list[dict[str, Any]] = []
        self.known: dict[bytes, list[bytes]] = {}
        self.tracer = Tracer(
            self.tape,
            ["pbx-a", "pbx-b"],
            trunks=lambda: {"carrier": [self.carrier]},
            events=lambda: self.events,
            others=lambda name: self.known.get(name, []),
        )

    def passes(self, flow: Flow, sent: bool, data: bytes) -> None:
        self.tape.add((clock.now(), flow, data, sent))

    def ask(self, name: str, **more: Any) -> dict[str, Any]:
        found = asyncio.run(self.tracer.trace(Wanted(name, **more)))
        json.dumps(found, allow_nan=False)
        return found


def request(
    method: str, call_id: str, *, to: str = "600", more: str = "", body: str = "", who: str = "1001"
) -> bytes:
    return (
        f"{method} sip:{to}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        f"From: <sip:{who}@example.com>;tag=1\r\nTo: <sip:{to}@example.com>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: 1 {method}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answered(status: int, call_id: str, method: str = "INVITE") -> bytes:
    return request(method, call_id).replace(
        f"{method} sip:600@example.com SIP/2.0".encode(), b"SIP/2.0 %d X" % status
    )


@pytest.fixture
def room() -> Room:
    """A call that was hedged, made by the second node into a second leg; and another call."""
    room = Room()
    name = "X-Sipfront-Call: 00aa\r\n"
    room.passes(room.phone, False, request("INVITE", "c1", to="1002"))
    room.passes(room.nodes[0], True, request("INVITE", "c1", to="1002", more=name))
    room.tape.note(clock.now(), "call hedged", "c1", "to pbx-b")
    room.passes(room.nodes[1], True, request("INVITE", "c1", to="1002", more=name))
    room.passes(room.nodes[1], False, request("INVITE", "d1", to="1002", more=name))
    room.passes(room.other, True, request("INVITE", "d1", to="1002"))
    room.passes(room.phone, False, request("INVITE", "c10", to="601"))
    room.passes(room.other, False, answered(200, "d1"))
    room.passes(room.phone, True, answered(200, "c1"))
    return room


@pytest.mark.parametrize("name", ["c1", "d1", "00aa"])
def test_both_legs_and_both_nodes_by_any_of_its_names(room: Room, name: str) -> None:
    (call,) = room.ask(name)["calls"]
    assert sorted(call["call_ids"]) == ["c1", "d1"]
    assert [(one["party"], one["sent"], one["label"]) for one in call["messages"]] == [
        ("1001", False, "INVITE"),
        ("pbx-a", True, "INVITE"),
        ("pbx-b", True, "INVITE"),
        ("pbx-b", False, "INVITE"),
        ("[2001:db8::9]:4", True, "INVITE"),
        ("[2001:db8::9]:4", False, "200"),
        ("1001", True, "200"),
    ]
    assert [note["text"] for note in call["notes"]] == ["call hedged: to pbx-b"]
    first = call["messages"][0]
    assert (first["local"], first["remote"]) == ("192.0.2.1:5061", "198.51.100.7:40000")
    assert (first["transport"], first["side"]) == ("TLS", "outside")
    assert "INVITE sip:1002@example.com SIP/2.0\r\n" in first["text"]


def test_a_call_without_the_name_is_paired_by_its_record(room: Room) -> None:
    room.passes(room.phone, False, request("BYE", "e1"))
    room.passes(room.other, True, request("BYE", "e2"))
    assert len(room.ask("e1")["calls"][0]["messages"]) == 1
    room.known[b"e1"] = [b"e1", b"e2"]
    assert len(room.ask("e1")["calls"][0]["messages"]) == 2


def test_calls_of_a_party(room: Room) -> None:
    calls = room.ask("1001", kind="aor")["calls"]
    assert [sorted(call["call_ids"]) for call in calls] == [["c1", "d1"], ["c10"]]
    assert room.ask("601@example.com", kind="aor")["calls"][0]["call_ids"] == ["c10"]
    assert room.ask("1001", kind="aor", calls=1)["calls"][0]["call_ids"] == ["c10"]
    assert room.ask("100", kind="aor")["calls"] == []
    assert room.ask("1001@example.net", kind="aor")["calls"] == []


def test_a_trunk_has_its_name(room: Room) -> None:
    room.passes(room.carrier, False, request("INVITE", "t1"))
    assert room.ask("t1")["calls"][0]["messages"][0]["party"] == "carrier"


def test_only_what_is_new(room: Room) -> None:
    newest = room.ask("c1")["next"]
    assert room.ask("c1", after=newest)["calls"] == []
    room.passes(room.phone, False, request("BYE", "c1"))
    found = room.ask("c1", after=newest)
    assert [one["label"] for one in found["calls"][0]["messages"]] == ["BYE"]
    assert found["next"] == newest + 1


def test_secrets_are_masked_unless_they_are_asked_for(room: Room) -> None:
    secret = request("INVITE", "s1", more="Authorization: Basic aHVudGVyMg==\r\n")
    room.passes(room.phone, False, secret)
    found = room.ask("s1", octets=True)
    assert found["masked"]
    assert "aHVudGVyMg" not in found["calls"][0]["messages"][0]["text"]
    octets = base64.b64decode(found["calls"][0]["messages"][0]["octets"])
    assert b"aHVudGVyMg" not in octets
    assert len(octets) == len(secret)
    found = room.ask("s1", octets=True, secrets=True)
    assert not found["masked"]
    assert base64.b64decode(found["calls"][0]["messages"][0]["octets"]) == secret


def test_changes_of_role_while_it_lasted(room: Room) -> None:
    now = clock.wall()
    room.events += [
        {"at": now - 60, "event": "start", "text": "before", "epoch": 1},
        {"at": now, "event": "failover", "text": "pbx-a is left", "epoch": 2},
        {"at": now, "event": "reload", "text": "no epoch"},
    ]
    (call,) = room.ask("c1")["calls"]
    assert {note["text"] for note in call["notes"]} == {"call hedged: to pbx-b", "pbx-a is left"}


def test_an_answer_is_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MESSAGES", 3)
    found = room.ask("c1")
    assert found["cut"]
    assert len(found["calls"][0]["messages"]) == 3
    assert found["next"] == found["calls"][0]["messages"][-1]["n"]
    monkeypatch.setattr(tracing, "OCTETS", 250)
    assert len(room.ask("c1")["calls"][0]["messages"]) == 1


def test_hostile_octets(room: Room) -> None:
    garbage = b"INVITE \xff\x00\r\nCall-ID: z\xff\r\nX-Sipfront-Call: \x00\r\n\r\n\xfe"
    room.passes(room.phone, False, garbage)
    room.passes(room.phone, False, b"")
    room.passes(room.phone, False, b"SIP/2.0 \xc3\r\ni: z1\r\n\r\n")
    assert room.ask("z1")["calls"][0]["messages"][0]["label"] == "�"
    assert room.ask("z\udcff")["calls"][0]["call_ids"] == ["z�"]
    assert room.ask("(.*)[")["calls"] == []
    assert room.ask("\x00")["calls"] == []


def test_labels() -> None:
    assert label(request("INVITE", "c")) == "INVITE"
    assert label(answered(200, "c")) == "200"
    assert label(answered(200, "c", "BYE")) == "200 (BYE)"
    assert label(b"\r\n") == ""


async def test_only_so_many_ask_at_once(room: Room) -> None:
    for n in range(3 * tracing.SLICE):
        room.passes(room.phone, False, b"%d" % n)
        if n % tracing.SLICE == 0:
            room.tape.turn(clock.now())
    asking = [asyncio.create_task(room.tracer.trace(Wanted("c1"))) for _ in range(tracing.AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await room.tracer.trace(Wanted("c1"))
    assert all(found["calls"] for found in await asyncio.gather(*asking))
    assert (await room.tracer.trace(Wanted("c1")))["calls"]
