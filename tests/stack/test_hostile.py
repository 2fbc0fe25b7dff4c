"""The storm again, and what everybody says is garbled on the way.

Octets inserted, cut, or taken from another message; header fields doubled, dropped, swapped, made
very long.  Whatever comes of a call: no exception, nothing sent that we could not read ourselves,
nobody but known peers gets anything, and in the end nothing is left.
"""

from __future__ import annotations

import pytest

from sipfront.sip.errors import Garbage, Malformed
from sipfront.sip.message import scan
from tests.stack.test_storm import STEPS, Storm
from tests.stack.world import CARRIER, NODE_A, Sent, World, answer, octets, request

BITS = (
    b"\x00",
    b"\xff\xfe",
    b"\r\n",
    b"\r\n ",
    b";",
    b",",
    b"<",
    b">",
    b"@",
    b"%00",
    b"=",
    b'"',
    b"9" * 21,
    b"-1",
    b"4294967296",
    b";tag=",
    b";lr",
    b"sip:",
    b"sips:",
    b"tel:+1",
    b"[::1]",
    b"[",
    b"*",
    b";expires=0",
    b";ttl=1;maddr=192.0.2.66",
    b"?a=b",
    b"\t",
    b";branch=z9hG4bK",
    b":",
    b";rport;rport",
    b";received=192.0.2.66",
)
VALUES = (
    b"",
    b" ",
    b"x",
    b"*",
    b"0",
    b"2147483648 INVITE",
    b"<sip:>",
    b"<>;tag=",
    b"SIP/2.0/UDP ;branch=",
    b",,,",
    b"<sip:a@b>,<sip:c@d>",
)
#: The share of messages that are garbled.
SHARE = 0.3
#: No datagram is longer, and no stream passes a longer message on.
LONGEST = 60_000


class Readable(World):
    """What comes out has to be read, but for the 400 that repeats what could not be read."""

    def out(self) -> list[Sent]:
        self.log += self.engine.notices()
        sent = []
        for flow, data in self.engine.take():
            try:
                sent.append(Sent(flow, scan(data)))
            except (Garbage, Malformed):
                if not data.startswith((b"SIP/2.0 400", b"SIP/2.0 505")):
                    raise
        return sent


class Hostile(Storm):
    """Nobody can be understood all the time."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.world.__class__ = Readable

    def garbled(self, data: bytes) -> bytes:
        for _ in range(self.dice.choice((1, 1, 2, 4))):
            change = self.dice.choice((self.insert, self.cut, self.splice, self.line, self.line))
            data = change(data)[:LONGEST] or b"x"
        return data

    def insert(self, data: bytes) -> bytes:
        at = self.dice.randrange(len(data) + 1)
        return data[:at] + self.dice.choice(BITS) + data[at:]

    def cut(self, data: bytes) -> bytes:
        at = self.dice.randrange(len(data))
        return data[:at] + data[at + self.dice.choice((1, 1, 2, 8, 40)) :]

    def splice(self, data: bytes) -> bytes:
        if not self.told:
            return data
        at = self.dice.randrange(len(data))
        return data[:at] + self.dice.choice(self.told)[1].data[at:]

    def line(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        at = self.dice.randrange(len(lines))
        name, colon, value = lines[at].partition(b":")
        kind = self.dice.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(self.dice.randrange(len(lines) + 1), lines[at])
        elif kind == 2:
            lines[at] *= self.dice.choice((2, 50))
        elif kind == 3 and colon:
            lines[at] = name + colon + b" " + self.dice.choice(VALUES)
        elif kind == 4 and colon:
            lines[at] = name + colon + value + b"," + value
        elif kind == 5 and self.told:
            lines.insert(at, self.dice.choice(self.dice.choice(self.told)[1].data.split(b"\r\n")))
        return b"\r\n".join(lines)

    def say(self, flow: object, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else octets(text)
        if self.dice.random() < SHARE:
            data = self.garbled(data)
        super().say(flow, data)  # type: ignore[arg-type]

    # What a garbled message says of others may be anything, and may never have been understood.

    def outside_sees(self, item: Sent) -> None:
        pass

    def node_sees(self, item: Sent) -> None:
        pass

    def calm(self) -> None:
        self.said = []
        super().calm()


@pytest.mark.parametrize("seed", range(40))
def test_a_storm_of_garbled_messages(seed: int) -> None:
    storm = Hostile(seed)
    for _ in range(STEPS):
        storm.step()
    storm.calm()


@pytest.mark.parametrize("via", ["", " ", ",", ", ,", '"'])
def test_a_via_without_anything_in_it_is_garbage(via: str) -> None:
    """Nobody can be told, whether or not the rest of the message can be read."""
    world = World()
    whole = octets(request("OPTIONS", "sip:1001@example.com"))
    start = whole.index(b"Via:")
    end = whole.index(b"\r\n", start)
    text = whole[:start] + b"Via: " + via.encode() + whole[end:]
    assert world.hear(world.phone(), text) == []
    assert world.hear(world.phone(), text.replace(b"CSeq", b"Nothing")) == []
    names = " ".join(world.engine.counters)
    assert "garbage" in names or "malformed" in names


def test_an_answer_with_another_call_id_is_none() -> None:
    """Else a telephone could make a dialog under the name of somebody else's call."""
    world = World()
    (asked,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    assert asked.to == NODE_A
    assert CARRIER not in asked.text
    other = asked.text.replace(asked.message.call_id.decode(), "another-call")
    text = other.replace(other.partition("\r\n")[0], "SIP/2.0 200 OK", 1)
    assert world.hear(asked.flow, text) == []
    assert world.engine.counters["response to another call"] == 1
    assert len(world.engine.shared.legs) == 0


@pytest.mark.parametrize(
    "uri", ["sip:a@192.0.2.1\n X: y", "sip:a b@h", "sip:<a@h", "s\tip:a@h", ""]
)
def test_a_contact_that_no_request_line_can_hold_is_no_target(uri: str) -> None:
    """What is sent into the dialog goes where the request came from (RFC 3261 12.2.1.1)."""
    world = World()
    phone = world.phone()
    whole = octets(request("INVITE", "sip:600@example.com", contact="<sip:HERE>"))
    (asked,) = world.hear(phone, whole.replace(b"sip:HERE", uri.replace("\n", "\r\n").encode()))
    world.hear(asked.flow, answer(asked, 200, tag="t", contact=f"<sip:600@{NODE_A}>"))
    (leg,) = world.engine.shared.legs
    world.engine.care.end(leg, world.now, "Q.850;cause=41")
    sent = [item for item in world.out() if item.flow is phone and item.message.method == b"BYE"]
    assert len(sent) <= 1
    assert all(item.message.uri for item in sent)
