"""Stories of the front: a call, a registration, what is refused."""

from __future__ import annotations

from sipfront.sip import headers as h
from tests.stack.world import FRONT, INSIDE, NODE_A, NODE_B, World, answer, request


def register(world: World, flow, contact: str, user: str = "1001", **more):  # type: ignore[no-untyped-def]
    """A phone registers, the node says yes."""
    call_id = f"reg-{user}"
    (sent,) = world.hear(
        flow,
        request(
            "REGISTER",
            "sip:example.com",
            via=f"[{flow.host}]:{flow.port}" if ":" in flow.host else f"{flow.host}:{flow.port}",
            branch=f"r{user}{world.now}",
            sender=f"<sip:{user}@example.com>;tag=r",
            to=f"<sip:{user}@example.com>",
            call_id=call_id,
            contact=f"<{contact}>;expires=300",
            **more,
        ),
    )
    value = sent.message.value(h.CONTACT)
    assert value is not None
    (back,) = world.hear(
        sent.flow,
        answer(sent, 200, tag="n", extra=f"Contact: {value.decode()}"),
    )
    return sent, back


def test_a_call_from_a_phone_to_a_node() -> None:
    """Neither side sees the other; in-dialog requests find their way by the dialog."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    assert invite.to == NODE_A
    text = invite.text
    assert text.startswith(f"INVITE sip:600@{NODE_A}:5060 SIP/2.0")
    assert len(invite.message.values(h.VIA)) == 1
    assert f"SIP/2.0/UDP {INSIDE}:5062" in text
    assert "X-Sipfront-Source: 198.51.100.7:5060;transport=udp" in text
    contact = invite.message.value(h.CONTACT)
    assert contact is not None
    assert contact.startswith(b"<sip:1001@10.0.0.10:5062;sf=d")
    assert invite.message.value(h.MAX_FORWARDS) == b"69"

    assert world.hear(invite.flow, answer(invite, 100)) == []
    (ringing,) = world.hear(
        invite.flow, answer(invite, 180, tag="n", contact=f"<sip:600@{NODE_A}:5060>")
    )
    assert ringing.flow is phone
    assert NODE_A not in ringing.text
    assert INSIDE not in ringing.text
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>")
    )
    assert ok.message.value(h.VIA) == (
        b"SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb1;rport=5060;received=198.51.100.7"
    )
    hidden = ok.message.value(h.CONTACT)
    assert hidden is not None
    target = hidden.decode().strip("<>")
    assert target.startswith(f"sip:600@{FRONT}:5060;sf=n")

    to = "<sip:600@192.0.2.10>;tag=n"
    (ack,) = world.hear(phone, request("ACK", target, branch="b2", to=to, contact=""))
    assert ack.text.startswith(f"ACK sip:600@{NODE_A}:5060 SIP/2.0")
    (bye,) = world.hear(phone, request("BYE", target, branch="b3", to=to, cseq=2, contact=""))
    assert bye.to == NODE_A
    (done,) = world.hear(bye.flow, answer(bye, 200))
    assert done.flow is phone
    assert done.message.status == 200
    assert len(world.engine.shared.legs) == 0


def test_a_node_hangs_up() -> None:
    """The node's BYE reaches the phone at its real Contact."""
    world = World()
    phone = world.phone("198.51.100.7", 40001)
    (invite,) = world.hear(
        phone,
        request(
            "INVITE",
            "sip:600@example.com",
            via="192.168.1.5:5060",
            contact="<sip:1001@192.168.1.5:5060;ob>",
        ),
    )
    contact = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>"))
    bye_text = request(
        "BYE",
        contact,
        via=f"{NODE_A}:5060",
        branch="n1",
        sender="<sip:600@example.com>;tag=n",
        to="<sip:1001@example.com>;tag=a",
        contact="",
    )
    (bye,) = world.hear(invite.flow, bye_text)
    assert bye.flow is phone
    assert bye.text.startswith("BYE sip:1001@192.168.1.5:5060;ob SIP/2.0")
    # The same with a front that has forgotten everything but its keys.
    other = World()
    (bye,) = other.hear(other.nodes[0], bye_text)
    assert (bye.flow.host, bye.flow.port) == ("198.51.100.7", 40001)
    assert bye.text.startswith("BYE sip:1001@192.168.1.5:5060 SIP/2.0")


def test_registration_and_a_call_to_the_phone() -> None:
    """The node never sees the phone's Contact, the phone never sees ours."""
    world = World()
    phone = world.phone("198.51.100.7", 40001)
    sent, back = register(world, phone, "sip:1001@192.168.1.5:5060;line=x")
    value = sent.message.value(h.CONTACT) or b""
    assert b"192.168.1.5" not in value
    assert b"line=x" in value
    assert sent.message.call_id.endswith(b"@sipfront")
    assert back.message.call_id == b"reg-1001"
    assert back.message.cseq == 1
    assert back.message.values(h.CONTACT) == [b"<sip:1001@192.168.1.5:5060;line=x>;expires=300"]

    uri = value.decode().partition(">")[0].strip("<")
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            uri,
            via=f"{NODE_A}:5060",
            branch="n1",
            sender=f'"Bob" <sip:1002@{NODE_A}>;tag=n',
            contact=f"<sip:1002@{NODE_A}:5060>",
        ),
    )
    assert ring.flow is phone
    assert ring.text.startswith("INVITE sip:1001@192.168.1.5:5060;line=x SIP/2.0")
    assert NODE_A not in ring.text
    assert INSIDE not in ring.text
    (back,) = world.hear(phone, answer(ring, 200, tag="p", contact="<sip:1001@192.168.1.5:5060>"))
    assert back.message.value(h.FROM) == f'"Bob" <sip:1002@{NODE_A}>;tag=n'.encode()
    assert b"192.168.1.5" not in (back.message.value(h.CONTACT) or b"")
    # Permanent contacts at the front reach the same phone.
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1001@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            branch="n2",
            sender=f"<sip:1002@{NODE_A}>;tag=n2",
            call_id="c2",
            contact=f"<sip:1002@{NODE_A}:5060>",
        ),
    )
    assert ring.flow is phone


def test_never_an_open_relay() -> None:
    """Neither phones nor nodes reach anybody whom they should not."""
    world = World()
    (no,) = world.hear(world.phone(), request("INVITE", "sip:x@elsewhere.invalid"))
    assert no.message.status == 403
    (no,) = world.hear(
        world.nodes[0], request("INVITE", "sip:x@elsewhere.invalid", via=f"{NODE_A}:5060")
    )
    assert no.message.status == 503
    assert no.message.value(h.RETRY_AFTER)
    (no,) = world.hear(
        world.nodes[1],
        request("INVITE", "sip:0123@203.0.113.5", via=f"{NODE_B}:5060", branch="z", call_id="z"),
    )
    assert no.message.status == 503, "a standby starts nothing"


def test_what_the_node_dropped_is_dropped_here() -> None:
    """The list in a 200 is complete; a phone that came back from another port is one phone."""
    world = World()
    phone = world.phone("198.51.100.7", 40001)
    register(world, phone, "sip:1001@192.168.1.5:5060")
    assert len(world.engine.shared.bindings) == 1
    moved = world.phone("198.51.100.7", 40002)
    world.now += 1
    register(world, moved, "sip:1001@192.168.1.5:5070")  # the node lists only the new one
    (binding,) = list(world.engine.shared.bindings)
    assert binding.contact == b"sip:1001@192.168.1.5:5070"


def test_an_aor_has_so_many_phones_at_most() -> None:
    """The one that would end first makes room; nobody is refused for it."""
    world = World()
    listed: list[str] = []
    for number in range(12):
        phone = world.phone("198.51.100.7", 40000 + number)
        (sent,) = world.hear(
            phone,
            request(
                "REGISTER",
                "sip:example.com",
                branch=f"m{number}",
                to="<sip:1001@example.com>",
                call_id=f"m{number}",
                contact=f"<sip:1001@192.168.1.5:{5000 + number}>;expires={300 + number}",
            ),
        )
        listed.append((sent.message.value(h.CONTACT) or b"").decode())
        extra = "\n".join(f"Contact: {value}" for value in listed)
        (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=extra))
        assert len(back.message.values(h.CONTACT)) == 1, "nobody sees the others"
    held = world.engine.shared.bindings.of(b"1001@example.com", world.now)
    assert len(held) == world.engine.shared.settings.limits.contacts_per_aor


def test_the_next_way_to_a_trunk() -> None:
    """The first of two SRV targets says 503: the second is asked."""
    world = World()
    second = world.flows.udp(world.udp, "203.0.113.6", 5060)
    world.engine.trunk_resolved("carrier", (world.carrier, second), world.now)
    text = request(
        "INVITE",
        f"sip:0123@{INSIDE}:5062",
        via=f"{NODE_A}:5060",
        sender=f"<sip:1002@{NODE_A}>;tag=n",
        contact=f"<sip:1002@{NODE_A}>",
        extra="X-Sipfront-Trunk: carrier",
    )
    (invite,) = world.hear(world.nodes[0], text)
    assert invite.to == "203.0.113.5"
    assert "X-Sipfront" not in invite.text
    ack, again = world.hear(world.carrier, answer(invite, 503, tag="t"))
    assert ack.message.method == b"ACK"
    assert again.to == "203.0.113.6"
    (ok,) = world.hear(second, answer(again, 200, tag="u", contact="<sip:0123@203.0.113.6>"))
    assert ok.flow is world.nodes[0]
    assert ok.message.status == 200


def test_a_node_may_send_on_what_it_got() -> None:
    """A spiral: the same Request-URI from the other side is no loop; from the same side it is."""
    world = World()
    caller = world.phone()
    desk = world.phone("198.51.100.9", 40001)
    register(world, desk, "sip:1002@192.168.1.9:5060", user="1002")
    (into,) = world.hear(caller, request("INVITE", "sip:1002@example.com"))
    assert into.message.uri == b"sip:1002@example.com"
    onward = f"Via: {(into.message.value(h.VIA) or b'').decode()}"
    (out,) = world.hear(
        world.nodes[0],
        request("INVITE", "sip:1002@example.com", via=f"{NODE_A}:5060", branch="px", extra=onward),
    )
    assert out.flow is desk
    # The phone is a proxy too, and sends it where it came from.
    again = f"Via: {(out.message.value(h.VIA) or b'').decode()}"
    (no,) = world.hear(
        desk, request("INVITE", "sip:1002@example.com", via="x.invalid", branch="py", extra=again)
    )
    assert (no.flow, no.message.status) == (desk, 482)


def test_an_answer_to_another_method_is_none() -> None:
    """RFC 3261 17.1.3: branch and CSeq method."""
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    text = answer(invite, 200, tag="n").replace("1 INVITE", "1 INFO")
    assert world.hear(invite.flow, text) == []
    assert world.engine.counters["response to another method"] == 1


def test_options_to_ourselves() -> None:
    """200 when some node can take calls; nobody knows before the first decision."""
    world = World()
    phone = world.phone()
    (yes,) = world.hear(phone, request("OPTIONS", f"sip:{FRONT}"))
    assert yes.message.status == 200
    world.route(None)
    (no,) = world.hear(phone, request("OPTIONS", f"sip:{FRONT}", branch="b2"))
    assert no.message.status == 503


def test_a_banned_source_hears_nothing_whatever_it_sends() -> None:
    world = World()
    phone = world.phone()
    for _ in range(10):
        world.engine.shared.guard.refused(phone.host, "", world.now)
    assert world.hear(phone, request("INVITE", "sip:600@example.com")) == []
    broken = request("INVITE", "sip:600@example.com", branch="b2").replace("CSeq: 1", "CSeq: x")
    assert world.hear(phone, broken) == []
    (emergency,) = world.hear(phone, request("INVITE", "sip:112@example.com", branch="b3"))
    assert emergency.to == NODE_A
