"""What RFC 4475 says beyond "accept" or "reject": the last column of expect.tsv, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.sip import headers as h
from sipfront.sip.message import Message, scan
from sipfront.sip.stream import Framer, FramingError
from sipfront.stack.flows import Flow
from tests.stack.test_front import register
from tests.stack.world import FRONT, INSIDE, NODE_A, Sent, World, answer, request

FOLDER = Path(__file__).parents[1] / "torture" / "rfc4475"


def octets(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def source(world: World) -> Flow:
    return world.phone("192.0.2.200", 5060)


def hear(world: World, name: str) -> list[tuple[Flow, bytes]]:
    world.engine.receive(octets(name), source(world), world.now)
    return world.engine.take()


def reached(world: World, name: str) -> Sent:
    """What the node sees of a message that is forwarded."""
    ((flow, data),) = hear(world, name)
    assert flow.node >= 0
    return Sent(flow, scan(data))


def refused(world: World, name: str) -> Message:
    """The answer to a message that goes nowhere, read as text: it may repeat what was wrong."""
    ((flow, data),) = hear(world, name)
    assert flow is source(world)
    lines = b"\r\n".join(
        line for line in data.split(b"\r\n") if not line.startswith((b"To:", b"From:", b"CSeq:"))
    )
    message = Message(lines)
    message.status = int(data[8:11])
    return message


def forwarded_lines(name: str, sent: Sent, *names: bytes) -> None:
    """These header lines, and the body, are as they came."""
    original = octets(name)
    message = scan(original)
    for _, start, _, _, end in message.fields:
        line = original[start:end]
        if line.lower().startswith(names):
            assert line in sent.message.data
    assert sent.message.body == message.body


# -- 3.1.1: valid ----------------------------------------------------------------------------------


def test_wsinv() -> None:
    """The dialog is unknown, which is another thing than malformed; its Route is nobody's."""
    assert refused(World(), "wsinv").status == 481


def test_esc01() -> None:
    """What is escaped stays escaped, in the user part too."""
    sent = reached(World(), "esc01")
    assert sent.message.uri == b"sip:sips%3Auser%40example.com@example.net"
    forwarded_lines("esc01", sent, b"to", b"from", b"content-type", b"c:")
    contact = sent.message.value(h.CONTACT) or b""
    assert contact.startswith(b"<sip:cal%6Cer@10.0.0.10:5062;")
    assert b"n%61me=v%61lue%25%34%31" in contact


def test_escnull() -> None:
    """%00 and %00%00 are two bindings, here and on the wire."""
    world = World()
    sent = reached(world, "escnull")
    values = sent.message.values(h.CONTACT)
    assert [value.partition(b"@")[0] for value in values] == [b"<sip:%00", b"<sip:%00%00"]
    assert len({value.partition(b"sf=")[2] for value in values}) == 2
    listed = "\n".join(f"Contact: {value.decode()}" for value in values)
    (back,) = world.hear(sent.flow, answer(sent, 200, extra=listed))
    bindings = list(world.engine.shared.bindings)
    assert [b.contact.partition(b"@")[0] for b in bindings] == [b"sip:%00", b"sip:%00%00"]
    assert {b.aor for b in bindings} == {b"null-%00-null@example.com"}
    assert b"%00%00@host5.example.com" in back.message.data


def test_esc02() -> None:
    """An escaped method is an unknown one: nothing is registered."""
    world = World()
    assert refused(world, "esc02").status == 403
    assert len(world.engine.shared.bindings) == 0


def test_dblreq() -> None:
    """The tail of the datagram never appears anywhere."""
    world = World()
    sent = reached(world, "dblreq")
    assert b"INVITE" not in sent.message.data
    assert sent.message.body == b""
    assert len(world.engine._layer.servers) == 1


def test_semiuri() -> None:
    sent = reached(World(), "semiuri")
    assert sent.message.uri == b"sip:user;par=u%40example.net@example.com"


def test_transports() -> None:
    """Nothing is sent by the lower Vias; they come back unchanged, and the node sees ours only."""
    world = World()
    sent = reached(world, "transports")
    assert len(sent.message.values(h.VIA)) == 1
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="x"))
    assert back.message.values(h.VIA)[1:] == scan(octets("transports")).values(h.VIA)[1:]


def test_mpart01() -> None:
    """553 octets with NULs and stray line ends; the preloaded Route is not followed."""
    sent = reached(World(), "mpart01")
    assert len(sent.message.body) == 553
    assert sent.message.body.count(b"\0") == 2
    assert sent.message.values(h.ROUTE) == []
    forwarded_lines("mpart01", sent, b"content-type")


def test_unreason_and_noreason_as_answers_of_a_node() -> None:
    """The same phrases in answers to a request of ours: the first passes, a 100 ends here."""
    world = World()
    (invite,) = world.hear(source(world), request("INVITE", "sip:600@example.com"))

    def phrased(name: str, status: int, tag: str) -> bytes:
        line = octets(name).partition(b"\r\n")[0]
        text = answer(invite, status, tag=tag).replace(f"SIP/2.0 {status} Whatever", "PHRASE")
        return text.replace("\n", "\r\n").encode().replace(b"PHRASE", line)

    assert world.hear(invite.flow, phrased("noreason", 100, "")) == []
    (ok,) = world.hear(invite.flow, phrased("unreason", 200, "n"))
    assert ok.message.reason == octets("unreason").partition(b"\r\n")[0][12:]
    assert sum(octet > 127 for octet in ok.message.reason) == 54


# -- 3.1.2: invalid --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["quotbal", "ltgtruri", "lwsruri", "lwsstart", "trws", "escruri", "regbadct", "badaspec"],
)
def test_what_could_be_mended_is_refused(name: str) -> None:
    """A front that guesses sends on what it guessed."""
    assert refused(World(), name).status == 400


def test_clerr_over_a_stream() -> None:
    """The rest is waited for; nothing has reached anybody."""
    framer = Framer()
    assert framer.feed(octets("clerr")) == []
    assert framer.partial


@pytest.mark.parametrize("name", ["ncl", "mcl01"])
def test_framing_that_is_lost(name: str) -> None:
    """An error, and nothing behind it is ever taken for a message."""
    framer = Framer()
    with pytest.raises(FramingError) as caught:
        framer.feed(octets(name))
    assert caught.value.status == 400
    assert caught.value.messages == []
    assert framer.feed(request("INVITE", "sip:600@example.com").encode()) == []


def test_baddn_with_the_line_that_it_lacks() -> None:
    world = World()
    world.engine.receive(octets("baddn") + b"\r\n", source(world), world.now)
    ((_, data),) = world.engine.take()
    assert data.startswith(b"SIP/2.0 400 ")


def test_baddate() -> None:
    """No proxy has a use for Date."""
    forwarded_lines("baddate", reached(World(), "baddate"), b"date", b"to", b"from")


# -- 3.2, 3.3, 3.4 ---------------------------------------------------------------------------------


def test_insuf() -> None:
    """No header is invented, nothing is left."""
    world = World()
    ((_, data),) = hear(world, "insuf")
    original = octets("insuf").lower()
    for name in (b"call-id:", b"from:", b"to:"):
        assert (b"\r\n" + name in data.lower()) == (b"\r\n" + name in original)
    assert world.engine._layer.servers == {}
    assert len(world.engine.shared.legs) == 0


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_unknown_schemes(name: str) -> None:
    assert refused(World(), name).status == 416


def test_unksm2() -> None:
    """A scheme of the registered name that we do not know: nothing is stored, nothing rewritten."""
    world = World()
    assert refused(world, "unksm2").status == 416
    assert len(world.engine.shared.bindings) == 0


def test_bext01() -> None:
    """Unsupported names what Proxy-Require asked for, and not what Require did."""
    (unsupported,) = refused_lines(World(), "bext01", b"unsupported")
    assert unsupported == b"noProxiesSupportThis, norDoAnyProxiesSupportThis"


def refused_lines(world: World, name: str, header: bytes) -> list[bytes]:
    ((_, data),) = hear(world, name)
    return scan(data).named(header)


def test_invut() -> None:
    sent = reached(World(), "invut")
    forwarded_lines("invut", sent, b"content-type", b"content-length")
    assert len(sent.message.body) == 40


def test_regaut01() -> None:
    forwarded_lines("regaut01", reached(World(), "regaut01"), b"authorization")


def test_bcast_with_our_own_via_on_top() -> None:
    """Nothing is sent anywhere because of an answer."""
    world = World()
    own = f"SIP/2.0/UDP {FRONT}:5060;branch=z9hG4bK1324923".encode()
    data = octets("bcast").replace(b"SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923", own)
    assert own in data
    world.engine.receive(data, source(world), world.now)
    assert world.engine.take() == []


def test_zeromf() -> None:
    assert refused(World(), "zeromf").status == 483


def both_sides(name: str) -> tuple[bytes, bytes]:
    """The Contact that the node sees, and the one that the phone gets back."""
    world = World()
    sent = reached(world, name)
    (shown,) = sent.message.values(h.CONTACT)
    (back,) = world.hear(sent.flow, answer(sent, 200, contact=shown.decode()))
    (own,) = back.message.values(h.CONTACT)
    return shown, own


def test_cparam01() -> None:
    """The parameter is the header's: outside the brackets on both sides."""
    shown, own = both_sides("cparam01")
    uri, _, params = shown.partition(b">")
    assert b"unknownparam" not in uri
    assert params == b";unknownparam;expires=600"
    assert own == b"<sip:+19725552222@gw1.example.net>;unknownparam;expires=600"


def test_cparam02() -> None:
    """The parameter is the URI's: inside."""
    shown, own = both_sides("cparam02")
    uri, _, params = shown.partition(b">")
    assert b";unknownparam" in uri
    assert params == b";expires=600"
    assert own == b"<sip:+19725552222@gw1.example.net;unknownparam>;expires=600"


def test_regescrt() -> None:
    """The escaped Route belongs to the stored URI; a call to it goes to the phone's flow only."""
    world = World()
    sent = reached(world, "regescrt")
    (shown,) = sent.message.values(h.CONTACT)
    assert b"Route" not in shown
    (back,) = world.hear(sent.flow, answer(sent, 200, contact=shown.decode()))
    assert b"?Route=%3Csip:sip.example.com%3E" in back.message.data
    (binding,) = list(world.engine.shared.bindings)
    assert binding.contact == b"sip:user@example.com?Route=%3Csip:sip.example.com%3E"
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            shown.decode()[1:].partition(">")[0],
            via=f"{NODE_A}:5060",
            sender=f"<sip:1001@{NODE_A}>;tag=n",
            contact=f"<sip:1001@{NODE_A}>",
        ),
    )
    assert ring.flow is source(world)
    assert ring.message.uri == b"sip:user@example.com"
    assert ring.message.values(h.ROUTE) == []


def test_inv2543() -> None:
    """Before RFC 3261: no branch, no tag, no length. It goes on, and is known when it comes again."""
    world = World()
    sent = reached(world, "inv2543")
    assert sent.message.value(h.MAX_FORWARDS) == b"70"
    assert len(sent.message.body) == 105
    assert sent.message.values(h.RECORD_ROUTE) == []
    assert b"maddr" not in sent.message.data
    assert hear(world, "inv2543") == [], "a retransmission"
    world.wait(0.2)
    (back,) = world.hear(sent.flow, answer(sent, 180, tag="n", contact=f"<sip:x@{NODE_A}>"))
    assert (back.flow, back.message.status) == (source(world), 180)
    ((flow, data),) = hear(world, "inv2543")
    assert (flow, data[:12]) == (source(world), b"SIP/2.0 180 ")


def test_nothing_of_all_this_is_left() -> None:
    """One front hears them all; in the end it holds nothing and still takes calls."""
    world = World()
    for path in sorted(FOLDER.glob("*.dat")):
        world.engine.receive(path.read_bytes(), source(world), world.now)
        world.engine.take()
    world.wait(400)
    assert world.engine._layer.servers == {}
    assert world.engine._layer.clients == {}
    assert len(world.engine.shared.legs) == 0
    assert len(world.engine.shared.bindings) == 0
    world.engine.probe(0, 1, world.now)
    (probe,) = world.out()
    world.hear(probe.flow, answer(probe, 200, tag="x"))  # it had not answered any of them
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (ring,) = world.hear(
        world.nodes[0], request("INVITE", f"sip:1002@{INSIDE}:5062", via=f"{NODE_A}:5060")
    )
    assert ring.flow is phone
