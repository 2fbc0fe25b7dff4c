"""Stories of the proxy core: all methods pass, routes are kept, trunks, nodes that are proxies."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from tests.stack.test_front import register
from tests.stack.test_proxy import ME, node_request, talk
from tests.stack.world import (
    CARRIER,
    FRONT,
    INSIDE,
    NODE_A,
    World,
    answer,
    request,
)

# -- methods --


IN_DIALOG = [
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "INVITE",
    "NEWER",
]
OUTSIDE = [
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
    "REFER",
    "OPTIONS",
    "NOTIFY",
    "INFO",
    "NEWER",
    "INVITE",
]


@pytest.mark.parametrize("method", IN_DIALOG)
def test_methods_in_a_dialog_pass_both_ways(method: str) -> None:
    world = World()
    phone = world.phone()
    inside, outside = talk(world, phone)
    body = "a=1\nb=2"
    extra = 'Content-Type: application/x-any\nX-Unknown: kept, as "it" is'
    (sent,) = world.hear(
        phone,
        request(
            method,
            outside,
            branch="m1",
            cseq=2,
            to=f"<sip:600@{FRONT}>;tag=n",
            extra=extra,
            body=body,
        ),
    )
    assert sent.flow is world.nodes[0]
    assert sent.text.startswith(f"{method} sip:600@{NODE_A}:5060 SIP/2.0\r\n")
    assert sent.message.body == b"a=1\r\nb=2"
    assert sent.message.named(b"x-unknown") == [b'kept, as "it" is']
    out = world.hear(world.nodes[0], answer(sent, 202, contact=f"<sip:600@{NODE_A}:5060>"))
    assert (out[-1].flow, out[-1].message.cseq_method) == (phone, method.encode())

    (sent,) = world.hear(
        world.nodes[0],
        node_request(
            method,
            inside,
            branch="m2",
            sender=f"<sip:600@{FRONT}>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            extra=extra,
            body=body,
        ),
    )
    assert sent.flow is phone
    assert sent.text.startswith(f"{method} sip:1001@198.51.100.7:5060 SIP/2.0\r\n")
    assert NODE_A not in sent.text
    assert INSIDE not in sent.text
    (back,) = world.hear(phone, answer(sent, 200, contact="<sip:1001@198.51.100.7:5060>"))
    assert back.flow is world.nodes[0]


@pytest.mark.parametrize("method", OUTSIDE)
def test_methods_outside_a_dialog_pass_both_ways(method: str) -> None:
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (sent,) = world.hear(phone, request(method, "sip:600@example.com", branch="o1"))
    assert sent.flow is world.nodes[0]
    (ok,) = world.hear(sent.flow, answer(sent, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    assert ok.flow is phone
    (sent,) = world.hear(
        world.nodes[0], node_request(method, f"sip:1002@{INSIDE}:5062", branch="o2", call_id="o2")
    )
    assert sent.flow is phone
    assert sent.message.uri == b"sip:1002@192.168.1.9:5060"
    (ok,) = world.hear(phone, answer(sent, 200, tag="p", contact="<sip:1002@192.168.1.9:5060>"))
    assert ok.flow is world.nodes[0]


def test_a_non_invite_that_nobody_answers() -> None:
    """RFC 4320: 100 after 3.5 s, and never a 408."""
    world = World()
    phone = world.phone()
    world.hear(phone, request("MESSAGE", "sip:600@example.com"))
    out = [item.message.status for item in world.wait(40) if item.flow is phone]
    assert out == [100]
    assert world.engine.busy() == 0


def test_an_invite_that_nobody_answers() -> None:
    world = World()
    world.route(0, ready=(True, False))
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    out = [item.message.status for item in world.wait(33) if item.flow is phone]
    assert out[:2] == [100, 408]


# -- Record-Route --


def test_record_route_on_both_sides() -> None:
    """Each side sees only the front; the far side's proxies are asked in their order."""
    world = World()
    phone = world.phone()
    text = request(
        "INVITE",
        f"sip:600@{FRONT}",
        extra="Record-Route: <sip:o1.example.org;lr>, <sip:o2.example.org;lr>\n"
        "Record-Route: <sip:o3.example.org;lr>\nRoute: <sip:192.0.2.10;lr>, <sip:evil.invalid;lr>",
    )
    (invite,) = world.hear(phone, text)
    assert invite.message.values(h.RECORD_ROUTE) == []
    assert invite.message.values(h.ROUTE) == []
    (ok,) = world.hear(
        invite.flow,
        answer(
            invite,
            200,
            tag="n",
            contact=f"<sip:600@{NODE_A}:5060>",
            extra="Record-Route: <sip:10.0.0.21;lr>, <sip:10.0.0.22;lr>",
        ),
    )
    assert ok.message.values(h.RECORD_ROUTE) == [
        b"<sip:o1.example.org;lr>, <sip:o2.example.org;lr>",
        b"<sip:o3.example.org;lr>",
    ]
    assert "10.0.0.2" not in ok.text
    outside = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    inside = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    (bye,) = world.hear(
        phone,
        request("INFO", outside, branch="i1", cseq=2, to=f"<sip:600@{FRONT}>;tag=n", contact=""),
    )
    # The caller's route set is the list reversed (12.1.2): what the response had, from the end.
    assert bye.message.value(h.ROUTE) == b"<sip:10.0.0.22;lr>, <sip:10.0.0.21;lr>"
    assert bye.message.uri == b"sip:600@10.0.0.11:5060"
    (bye,) = world.hear(
        world.nodes[0],
        node_request(
            "INFO", inside, branch="i2", sender=f"<sip:600@{FRONT}>;tag=n", to=ME, contact=""
        ),
    )
    assert bye.flow is phone
    assert bye.message.value(h.ROUTE) == (
        b"<sip:o1.example.org;lr>, <sip:o2.example.org;lr>, <sip:o3.example.org;lr>"
    )


def test_a_strict_router() -> None:
    """12.2.1.1: without lr the first route is the Request-URI, the target comes last."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(
        phone,
        request(
            "INVITE",
            f"sip:600@{FRONT}",
            extra="Record-Route: <sip:strict.example.org;x=1>, <sip:loose.example.org;lr>",
        ),
    )
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>"))
    inside = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    (bye,) = world.hear(
        world.nodes[0],
        node_request(
            "BYE", inside, branch="i2", sender=f"<sip:600@{FRONT}>;tag=n", to=ME, contact=""
        ),
    )
    assert bye.message.uri == b"sip:strict.example.org;x=1"
    assert bye.message.value(h.ROUTE) == (
        b"<sip:loose.example.org;lr>, <sip:1001@198.51.100.7:5060>"
    )


# -- trunks --


def test_a_call_from_a_trunk() -> None:
    world = World()
    (sent,) = world.hear(
        world.carrier,
        request(
            "INVITE", f"sip:0301234@{FRONT}", via=f"{CARRIER}:5060", contact=f"<sip:{CARRIER}>"
        ),
    )
    assert sent.flow is world.nodes[0]
    assert sent.message.named(b"x-sipfront-trunk") == [b"carrier"]
    assert sent.message.named(b"x-sipfront-source") == [b"203.0.113.5:5060;transport=udp"]


@pytest.mark.parametrize(
    ("uri", "extra", "shown"),
    [
        (f"sip:0123@{CARRIER}", "", b"sip:0123@203.0.113.5"),
        (f"sip:0123@{CARRIER}:5060;user=phone", "", b"sip:0123@203.0.113.5;user=phone"),
        (f"sip:0123@{INSIDE}", "X-Sipfront-Trunk: carrier", b"sip:0123@203.0.113.5"),
        ("sip:0123@anything.invalid", "x-sipfront-TRUNK : carrier", b"sip:0123@203.0.113.5"),
        ("tel:+49301234", "X-Sipfront-Trunk: carrier", b"sip:+49301234@203.0.113.5"),
    ],
)
def test_a_call_to_a_trunk(uri: str, extra: str, shown: bytes) -> None:
    world = World()
    (sent,) = world.hear(world.nodes[0], node_request("INVITE", uri, extra=extra))
    assert sent.flow is world.carrier
    assert sent.message.uri == shown
    assert sent.message.named(b"x-sipfront-trunk") == []
    (ok,) = world.hear(world.carrier, answer(sent, 200, tag="t", contact=f"<sip:{CARRIER}:5060>"))
    assert ok.flow is world.nodes[0]


def test_a_trunk_that_nobody_knows() -> None:
    world = World()
    (no,) = world.hear(
        world.nodes[0], node_request("INVITE", f"sip:0123@{CARRIER}", extra="X-Sipfront-Trunk: no")
    )
    assert no.message.status == 503
    assert no.message.value(h.RETRY_AFTER) is not None


def test_a_node_that_is_a_proxy() -> None:
    """It sends the same Call-ID and tags back out; the two legs stay apart, both ways."""
    world = World()
    caller = world.phone()
    callee = world.phone("198.51.100.9", 40001)
    register(world, callee, "sip:1002@192.168.1.9:5060", user="1002")
    (into,) = world.hear(caller, request("INVITE", "sip:1002@example.com"))
    own = (into.message.value(h.VIA) or b"").decode()
    contact = (into.message.value(h.CONTACT) or b"").decode()
    through = request(
        "INVITE",
        f"sip:1002@{INSIDE}:5062",
        via=f"{NODE_A}:5060",
        branch="px",
        to="<sip:1002@example.com>",
        contact=contact,
        extra=f"Via: {own}\nRecord-Route: <sip:{NODE_A};lr>",
    )
    (out,) = world.hear(world.nodes[0], through)
    assert out.flow is callee
    assert len(out.message.values(h.VIA)) == 1
    (back,) = world.hear(callee, answer(out, 200, tag="z", contact="<sip:1002@192.168.1.9:5060>"))
    assert back.flow is world.nodes[0]
    assert len(back.message.values(h.VIA)) == 2
    # The node passes it on, with its own Record-Route, our Contact in it.
    hidden = (back.message.value(h.CONTACT) or b"").decode()
    (ok,) = world.hear(
        world.nodes[0],
        answer(into, 200, tag="z", contact=hidden, extra=f"Record-Route: <sip:{NODE_A};lr>"),
    )
    assert ok.flow is caller
    legs = list(world.engine.shared.legs)
    assert sorted((leg.outside_tag, leg.inside_tag) for leg in legs) == [(b"a", b"z"), (b"z", b"a")]
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (bye,) = world.hear(
        caller,
        request("BYE", target, branch="by", cseq=2, to="<sip:1002@example.com>;tag=z", contact=""),
    )
    assert bye.flow is world.nodes[0]
    assert bye.message.value(h.ROUTE) == f"<sip:{NODE_A};lr>".encode()
    # The node follows the Request-URI that we gave it: our own Contact of the other leg.
    (last,) = world.hear(
        world.nodes[0],
        request(
            "BYE",
            bye.message.uri.decode(),
            via=f"{NODE_A}:5060",
            branch="bz",
            cseq=2,
            to="<sip:1002@example.com>;tag=z",
            contact="",
        ),
    )
    assert last.flow is callee
    assert last.message.uri == b"sip:1002@192.168.1.9:5060"
    world.hear(world.nodes[0], answer(bye, 200))
    world.hear(callee, answer(last, 200))
    assert len(world.engine.shared.legs) == 0


def test_a_phone_that_answers_without_the_token() -> None:
    """Call-ID and tags lead to the dialog; the Contact's parameters are not needed."""
    world = World()
    phone = world.phone()
    talk(world, phone)
    (bye,) = world.hear(
        phone,
        request("BYE", f"sip:600@{FRONT}:5060", branch="b9", cseq=2, to=f"<sip:600@{FRONT}>;tag=n"),
    )
    assert bye.flow is world.nodes[0]
    assert bye.message.uri == b"sip:600@10.0.0.11:5060"


def test_a_node_that_answers_without_the_token() -> None:
    world = World()
    phone = world.phone()
    talk(world, phone)
    (bye,) = world.hear(
        world.nodes[0],
        node_request(
            "BYE", f"sip:1001@{INSIDE}", branch="b9", sender=f"<sip:600@{FRONT}>;tag=n", to=ME
        ),
    )
    assert bye.flow is phone
    assert bye.message.uri == b"sip:1001@198.51.100.7:5060"


def test_a_phone_whose_flow_broke_is_reached_where_it_speaks_from() -> None:
    world = World()
    phone = world.phone()
    inside, outside = talk(world, phone)
    moved = world.phone("198.51.100.7", 5999)
    (info,) = world.hear(
        moved, request("INFO", outside, branch="i", cseq=2, to=f"<sip:600@{FRONT}>;tag=n")
    )
    world.hear(info.flow, answer(info, 200))
    (bye,) = world.hear(
        world.nodes[0],
        node_request("BYE", inside, branch="b9", sender=f"<sip:600@{FRONT}>;tag=n", to=ME),
    )
    assert bye.flow is moved


def test_nothing_stays_when_all_is_over() -> None:
    """A call, a failed call, a cancelled call: no transaction, leg or timer is left."""
    world = World()
    phone = world.phone()
    _, outside = talk(world, phone)
    (bye,) = world.hear(
        phone, request("BYE", outside, branch="b9", cseq=2, to=f"<sip:600@{FRONT}>;tag=n")
    )
    world.hear(bye.flow, answer(bye, 200))
    (invite,) = world.hear(phone, request("INVITE", "sip:1@example.com", branch="f", call_id="f"))
    world.hear(invite.flow, answer(invite, 486, tag="x"))
    world.wait(400)
    shared = world.engine.shared
    assert len(shared.legs) == 0
    assert world.engine._layer.servers == {}
    assert world.engine._layer.clients == {}
    assert world.engine.next_deadline() is None
    for link in shared.pair.links:
        assert not link.pending
        assert not link.ringing
        assert not link.serving
        assert not link.hedged
        assert not link.started
