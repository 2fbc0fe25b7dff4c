"""Stories of callers that take only one early dialog: the first To-tag is kept."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.sip.message import scan
from sipfront.stack.route import NodeState, Standing
from sipfront.stack.settings import PeerRule
from sipfront.stack.tagmap import Kept, _retagged
from tests.stack.world import CARRIER, NODE_A, NODE_B, Sent, World, answer, octets, request

DOWN = (NodeState.DOWN, NodeState.UP)
FENCED = (Standing.FENCED, Standing.ACTIVE)
RELIABLE = "Require: 100rel\nRSeq: {}"


def sdp(host: str, port: int = 4000, session: int = 7, version: int = 1) -> str:
    return (
        f"v=0\no=- {session} {version} IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\n"
        f"m=audio {port} RTP/AVP 0\na=sendrecv\n"
    )


BODY = "Content-Type: application/sdp"


def one_dialog() -> World:
    """A world whose carrier gets lost in a second early dialog."""
    plain = World()
    assert plain.settings is not None
    (trunk,) = plain.settings.trunks
    return World(
        settings=replace(plain.settings, trunks=(replace(trunk, two_early_dialogs=False),))
    )


def carrier_calls(world: World, body: str = "") -> Sent:
    """An INVITE of the carrier, as the first node sees it."""
    (invite,) = world.hear(world.carrier, offer(body))
    return invite


def offer(body: str = "") -> str:
    return request(
        "INVITE",
        "sip:1001@example.com",
        via=f"{CARRIER}:5060",
        contact=f"<sip:{CARRIER}:5060>",
        sender="<sip:49@example.org>;tag=c",
        extra=BODY if body else "",
        body=body,
    )


def from_carrier(method: str, sent: Sent, branch: str, cseq: int, extra: str = "") -> str:
    """A request of the carrier in the dialog of an answer that it got."""
    target = (sent.message.value(h.CONTACT) or b"").decode().strip("<>")
    return request(
        method,
        target,
        via=f"{CARRIER}:5060",
        contact=f"<sip:{CARRIER}:5060>",
        sender="<sip:49@example.org>;tag=c",
        to="<sip:1001@example.com>;tag=" + sent.message.to_tag.decode(),
        branch=branch,
        cseq=cseq,
        extra=extra,
    )


def moved(world: World, rseq: int = 0, body: str = "") -> tuple[Sent, Sent]:
    """It rang at the first node, which died: what the carrier heard, the INVITE to the second."""
    invite = carrier_calls(world, sdp(CARRIER))
    extra = "\n".join([RELIABLE.format(rseq)] * bool(rseq) + [BODY] * bool(body))
    (ringing,) = world.hear(
        invite.flow,
        answer(invite, 183, tag="a", contact=f"<sip:x@{NODE_A}>", extra=extra, body=body),
    )
    world.route(1, DOWN, FENCED)
    cancel, again = world.out()
    assert (cancel.to, again.to) == (NODE_A, NODE_B)
    return ringing, again


def test_the_first_tag_is_kept() -> None:
    """180 and 200 of the second node come under the tag of the first; so does the whole call."""
    world = one_dialog()
    heard, again = moved(world)
    (ringing,) = world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
    assert (ringing.flow, ringing.message.to_tag) == (world.carrier, b"a")
    (ok,) = world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    assert (ok.message.status, ok.message.to_tag) == (200, b"a")
    (ack,) = world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    assert (ack.to, ack.message.to_tag) == (NODE_B, b"b")
    # Requests of both sides; what the node wrote comes back to it.
    (info,) = world.hear(
        world.nodes[1],
        request(
            "INFO",
            (ack.message.value(h.CONTACT) or again.message.value(h.CONTACT) or b"")
            .decode()
            .strip("<>"),
            via=f"{NODE_B}:5060",
            branch="n",
            sender="<sip:1001@example.com>;tag=b",
            to="<sip:49@example.org>;tag=c",
            cseq=7,
        ),
    )
    assert (info.flow, info.message.from_tag, info.message.cseq) == (world.carrier, b"a", 7)
    (done,) = world.hear(world.carrier, answer(info, 200))
    assert (done.to, done.message.from_tag) == (NODE_B, b"b")
    (bye,) = world.hear(world.carrier, from_carrier("BYE", ok, "y", 2))
    assert (bye.to, bye.message.to_tag, bye.message.from_tag) == (NODE_B, b"b", b"c")
    (done,) = world.hear(bye.flow, answer(bye, 200))
    assert done.message.to_tag == b"a"
    assert len(world.engine.shared.legs) == 0
    assert not world.engine.shared.legs.renamed
    assert heard.message.to_tag == b"a"


def test_rseq_goes_on_and_rack_finds_its_way() -> None:
    """RFC 3262 section 4: one higher, else the caller would not acknowledge it."""
    world = one_dialog()
    heard, again = moved(world, rseq=17)
    (ringing,) = world.hear(
        again.flow,
        answer(again, 183, tag="b", contact=f"<sip:x@{NODE_B}>", extra=RELIABLE.format(500)),
    )
    assert ringing.message.value(h.RSEQ) == b"18"
    (prack,) = world.hear(
        world.carrier, from_carrier("PRACK", ringing, "p2", 3, "RAck: 18 1 INVITE")
    )
    assert (prack.to, prack.message.value(h.RACK)) == (NODE_B, b"500 1 INVITE")
    assert prack.message.to_tag == b"b"
    (done,) = world.hear(prack.flow, answer(prack, 200))
    assert (done.flow, done.message.to_tag) == (world.carrier, b"a")
    # What the dead node had sent is acknowledged late: nobody else is asked.
    (late,) = world.hear(world.carrier, from_carrier("PRACK", heard, "p1", 2, "RAck: 17 1 INVITE"))
    assert (late.flow, late.message.status) == (world.carrier, 200)
    (ringing,) = world.hear(
        again.flow,
        answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>", extra=RELIABLE.format(501)),
    )
    assert ringing.message.value(h.RSEQ) == b"19"


def test_cseq_never_goes_back() -> None:
    """The dead node had sent an UPDATE with a high CSeq under the same tag (RFC 3261 12.2.2)."""
    world = one_dialog()
    invite = carrier_calls(world)
    world.hear(invite.flow, answer(invite, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
    contact = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")

    def of_node(node: int, method: str, tag: str, cseq: int) -> list[Sent]:
        host = (NODE_A, NODE_B)[node]
        return world.hear(
            world.nodes[node],
            request(
                method,
                contact,
                via=f"{host}:5060",
                branch=f"u{cseq}",
                contact=f"<sip:x@{host}>",
                sender=f"<sip:1001@example.com>;tag={tag}",
                to="<sip:49@example.org>;tag=c",
                cseq=cseq,
            ),
        )

    (update,) = of_node(0, "UPDATE", "a", 9000)
    world.hear(world.carrier, answer(update, 200))
    world.route(1, DOWN, FENCED)
    *_, again = world.out()
    (ok,) = world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    contact = (again.message.value(h.CONTACT) or b"").decode().strip("<>")
    (info,) = of_node(1, "INFO", "b", 5)
    assert info.message.cseq == 9001
    (done,) = world.hear(world.carrier, answer(info, 200))
    assert (done.to, done.message.value(h.CSEQ)) == (NODE_B, b"5 INFO")
    (bye,) = of_node(1, "BYE", "b", 6)
    assert bye.message.cseq == 9002


def test_descriptions_follow_on_those_of_the_dead_node() -> None:
    """RFC 3264 section 8: the same ``o=`` with a higher version, and a fitting length."""
    world = one_dialog()
    _, again = moved(world, body=sdp(NODE_A, session=99, version=9))
    for status in (183, 200):
        (out,) = world.hear(
            again.flow,
            answer(
                again,
                status,
                tag="b",
                contact=f"<sip:x@{NODE_B}>",
                extra=BODY,
                body=sdp(NODE_B, session=5, version=1),
            ),
        )
        assert f"o=- 99 10 IN IP4 {NODE_A}\r\n".encode() in out.message.body
        assert f"c=IN IP4 {NODE_B}\r\n".encode() in out.message.body
        assert out.message.data.endswith(b"a=sendrecv")


def test_who_takes_two_is_told_a_second_one() -> None:
    world = World()
    invite = carrier_calls(world)
    world.hear(invite.flow, answer(invite, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
    world.route(1, DOWN, FENCED)
    *_, again = world.out()
    (ringing,) = world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
    assert ringing.message.to_tag == b"b"


def test_two_forks_of_one_node_are_left_alone() -> None:
    """Two early dialogs that the node itself made are told as they are."""
    world = one_dialog()
    invite = carrier_calls(world)
    for tag in ("a", "b"):
        (out,) = world.hear(
            invite.flow, answer(invite, 180, tag=tag, contact=f"<sip:{tag}@{NODE_A}>")
        )
        assert out.message.to_tag == tag.encode()
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="b", contact=f"<sip:b@{NODE_A}>"))
    assert ok.message.to_tag == b"b"


def test_a_phone_by_its_user_agent() -> None:
    """``peers`` of the configuration: the first rule that says something counts."""
    plain = World()
    assert plain.settings is not None
    import re

    rules = (
        PeerRule((ip_network("198.51.100.9/32"),), None, True),
        PeerRule((), re.compile(rb"(?s:Old.*)\Z"), None),
        PeerRule((), re.compile(rb"(?s:Old.*)\Z"), False),
    )
    for host, tag in (("198.51.100.7", b"a"), ("198.51.100.9", b"b")):
        world = World(settings=replace(plain.settings, peers=rules))
        phone = world.phone(host)
        (invite,) = world.hear(
            phone, request("INVITE", "sip:1002@example.com", extra="User-Agent: OldPhone/1")
        )
        world.hear(invite.flow, answer(invite, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
        world.route(1, DOWN, FENCED)
        *_, again = world.out()
        (out,) = world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
        assert out.message.to_tag == tag


def test_who_answered_an_offer_of_the_dead_node_cannot_be_kept() -> None:
    """The INVITE made no offer, the 183 did: the ACK would bring no answer for the new node."""
    world = one_dialog()
    invite = carrier_calls(world)
    world.hear(
        invite.flow,
        answer(
            invite,
            183,
            tag="a",
            contact=f"<sip:x@{NODE_A}>",
            extra=RELIABLE.format(1) + "\n" + BODY,
            body=sdp(NODE_A),
        ),
    )
    world.route(1, DOWN, FENCED)
    final = [item for item in world.out() if item.flow is world.carrier]
    assert [item.message.status for item in final] == [503]
    assert world.engine.counters["ringing calls that could not be kept"] == 1


@pytest.mark.parametrize("tags", [("a", "b"), ("0" * 40, "1" * 40)])
def test_it_is_known_again_by_the_token(tags: tuple[str, str]) -> None:
    """The front lost all memory; both sides still reach each other, if the tags fit into tokens."""
    first, second = tags
    world = one_dialog()
    invite = carrier_calls(world)
    world.hear(invite.flow, answer(invite, 180, tag=first, contact=f"<sip:x@{NODE_A}>"))
    world.route(1, DOWN, FENCED)
    *_, again = world.out()
    (ok,) = world.hear(again.flow, answer(again, 200, tag=second, contact=f"<sip:x@{NODE_B}>"))
    world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    inside = (again.message.value(h.CONTACT) or b"").decode().strip("<>")
    assert len(inside) <= 200

    after = one_dialog()
    after.route(1)
    (bye,) = after.hear(after.carrier, from_carrier("BYE", ok, "y", 2))
    fits = len(first) < 16
    assert (bye.to, bye.message.to_tag) == (NODE_B, (second if fits else first).encode())
    after = one_dialog()
    after.route(1)
    (info,) = after.hear(
        after.nodes[1],
        request(
            "INFO",
            inside,
            via=f"{NODE_B}:5060",
            contact=f"<sip:x@{NODE_B}>",
            sender=f"<sip:1001@example.com>;tag={second}",
            to="<sip:49@example.org>;tag=c",
        ),
    )
    assert (info.flow.host, info.message.from_tag) == (
        CARRIER,
        (first if fits else second).encode(),
    )


def test_a_dialog_that_is_named_is_named_right() -> None:
    """Replaces and Refer-To: the node hears its own tag, the outside the one that it knows."""
    world = one_dialog()
    _, again = moved(world)
    (ok,) = world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    phone = world.phone()
    (out,) = world.hear(
        phone,
        request(
            "INVITE",
            "sip:1001@example.com",
            branch="r",
            call_id="other",
            extra="Replaces: c1;to-tag=a;from-tag=c",
        ),
    )
    assert (out.to, out.message.value(h.REPLACES)) == (NODE_B, b"c1;to-tag=b;from-tag=c")
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    refer = f"Refer-To: <{target}?Replaces=c1%3Bto-tag%3Da%3Bfrom-tag%3Dc>"
    (out,) = world.hear(world.carrier, from_carrier("REFER", ok, "f", 2, refer))
    assert b"to-tag%3Db%3B" in (out.message.value(h.REFER_TO) or b"")


# -- values ----------------------------------------------------------------------------------------

_TAGS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=40).map(str.encode)


@given(_TAGS, _TAGS, st.sampled_from([b"", b";x=y", b" ; x"]))
def test_another_tag(old: bytes, new: bytes, tail: bytes) -> None:
    value = b'"tag=%b" <sip:a;tag=%b@b>;tag=%b%b' % (old.replace(b"%", b""), b"q", old, tail)
    assert _retagged(value, old, new) == value[: -len(old + tail)] + new + tail
    assert _retagged(_retagged(value, old, new), new, old) == value


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(0, 1000))
def test_cseqs_rise_whatever_a_node_counts(steps: list[int], highest: int) -> None:
    """Each new request is higher than all that went before, and ACKs keep their INVITE's."""
    from sipfront.stack.dialog import Leg

    leg = Leg(b"c", b"o", b"a", 0)
    leg.inside_cseq = highest
    kept = Kept(b"a", b"b")
    own = 0
    for step in steps:
        own += step
        text = f"{'INVITE' if step % 2 else 'INFO'} sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1"
        head = f"{text}\nFrom: <sip:a@b>;tag=b\nTo: <sip:a@b>;tag=o\nCall-ID: c"
        method = "INVITE" if step % 2 else "INFO"
        message = scan(octets(f"{head}\nCSeq: {own} {method}"))
        number = kept.number_out(leg, message)
        assert number > leg.inside_cseq
        leg.inside_cseq = number
        ack = scan(octets(f"{head}\nCSeq: {own} ACK".replace(f"{method} sip", "ACK sip", 1)))
        assert kept.number_out(leg, ack) == number
        if step % 5 == 0:
            leg.inside_cseq += 1  # the front itself put one in between
