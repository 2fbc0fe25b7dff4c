"""What a forwarded message shows: nothing of a node outside, nothing of the outside to a node."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.sip.errors import Malformed
from sipfront.stack.forward import (
    reversed_routes,
    routed,
    span_by_method,
    span_by_octet,
)
from sipfront.stack.mask import BETRAYING
from tests.stack.test_front import register
from tests.stack.world import FRONT, INSIDE, NODE_A, NODE_B, World, answer, octets, request


@given(
    st.lists(
        st.sampled_from([b"<", b">", b"sip:a@h", b'"', b",", b" ", b"x", b";a=b", b"\x7f"])
    ).map(b"".join)
    | st.binary(max_size=20)
)
def test_both_readings_of_a_contact_agree(value: bytes) -> None:
    found = []
    for reading in (span_by_method, span_by_octet):
        try:
            found.append(reading(value))
        except Malformed:
            found.append((0, 0))
    assert found[0] == found[1]


NAMES = [
    "From",
    "To",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Referred-By",
    "Refer-To",
    "Diversion",
    "History-Info",
    "Call-Info",
    "Alert-Info",
    "Warning",
    "Reply-To",
    "Error-Info",
]


def test_the_list_of_headers_is_complete() -> None:
    assert [h.IDS[name.lower().encode()] for name in NAMES] == list(BETRAYING)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", [NODE_A, f"{NODE_B}:5060", f"{INSIDE}:5062"])
def test_a_node_is_masked_in_requests(name: str, host: str) -> None:
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    value = f'399 {host} "x"' if name == "Warning" else f'"B" <sip:600@{host}>'
    given: dict[str, str] = {"sender": "<sip:600@example.com>;tag=n", "to": "<sip:1002@x.org>"}
    extra = ""
    if name in ("From", "To"):
        given["sender" if name == "From" else "to"] = value + (";tag=n" if name == "From" else "")
    else:
        extra = f"{name}: {value}"
    (sent,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            contact=f"<sip:600@{NODE_A}>",
            extra=extra,
            **given,  # type: ignore[arg-type]
        ),
    )
    assert sent.flow is phone
    assert "10.0.0." not in sent.text
    assert "example.com" in (sent.message.value(h.IDS[name.lower().encode()]) or b"").decode()
    # The node gets its own From and To again.
    (back,) = world.hear(phone, answer(sent, 180, tag="p"))
    assert back.message.value(h.FROM) == given["sender"].encode()
    assert back.message.value(h.TO) == given["to"].encode() + b";tag=p"


@pytest.mark.parametrize("name", NAMES[2:])
def test_a_node_is_masked_in_responses(name: str) -> None:
    world = World()
    phone = world.phone()
    (sent,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    value = f'399 {NODE_A} "x"' if name == "Warning" else f'"B" <sip:600@{NODE_A}:5060>'
    (back,) = world.hear(sent.flow, answer(sent, 180, tag="n", extra=f"{name}: {value}"))
    assert NODE_A not in back.text
    assert "example.com" in (back.message.value(h.IDS[name.lower().encode()]) or b"").decode()


BODIES = [
    ("application/simple-message-summary", "Message-Account: sip:600@{host}"),
    ("application/dialog-info+xml", '<dialog-info entity="sip:600@{host}:5060"/>'),
    ("application/PIDF+xml;charset=utf-8", '<presence entity="sip:600@{host}"/>'),
    ("application/reginfo+xml", "<uri>sip:600@{host}</uri><uri>sip:6@{host}</uri>"),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_bodies_are_masked(kind: str, body: str) -> None:
    world = World()
    phone = world.phone()
    (sub,) = world.hear(phone, request("SUBSCRIBE", "sip:600@example.com", extra="Event: x"))
    inside = (sub.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    (sent,) = world.hear(
        world.nodes[0],
        request(
            "NOTIFY",
            inside,
            via=f"{NODE_A}:5060",
            branch="n",
            sender="<sip:600@example.com>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            contact=f"<sip:600@{NODE_A}>",
            extra=f"Event: x\nSubscription-State: active\nContent-Type: {kind}",
            body=body.format(host=NODE_A),
        ),
    )
    assert sent.flow is phone
    assert NODE_A not in sent.text
    assert sent.message.body == body.format(host="example.com").replace(":5060", "").encode()
    assert sent.message.value(h.CONTENT_LENGTH) == b"%d" % len(sent.message.body)


def test_sdp_is_not_touched() -> None:
    """The media address is the PBX's business."""
    world = World()
    phone = world.phone()
    (sent,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    body = f"v=0\r\no=- 1 1 IN IP4 {NODE_A}\r\ns=-\r\nc=IN IP4 {NODE_A}\r\n"
    (back,) = world.hear(
        sent.flow,
        answer(sent, 200, tag="n", extra="Content-Type: application/sdp", body=body),
    )
    assert back.message.body == octets("X\n\n" + body).partition(b"\r\n\r\n")[2]


FORGED = [
    "X-Sipfront-Trunk: carrier",
    "x-sipfront-trunk: carrier",
    "X-SIPFRONT-Anything: 1",
    "X-Sipfront-Source : 10.0.0.1",
    "X-Sipfront-Source\t: 10.0.0.1",
    "X-Sipfront-Call:\r\n folded\r\n\tagain",
    "X-sipfront-Attempt:2\r\nX-Sipfront-Attempt: 3",
]


@pytest.mark.parametrize("line", FORGED)
def test_our_headers_are_ours_alone(line: str) -> None:
    """Removed from what comes from outside, and from what goes there."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    text = octets(request("INVITE", f"sip:600@{FRONT}", contact="<sip:1002@192.168.1.9>"))
    forged = text.replace(b"Contact:", line.encode() + b"\r\nContact:")
    (sent,) = world.hear(phone, forged)
    names = [n.lower() for n in re.findall(r"(?im)^x-sipfront-[a-z]+(?=:)", sent.text)]
    assert sorted(names) == ["x-sipfront-call", "x-sipfront-source"]
    assert "folded" not in sent.text
    assert "again" not in sent.text
    assert sent.message.named(b"x-sipfront-source") == [b"198.51.100.9:40001;transport=udp"]
    reply = octets(answer(sent, 180, tag="n"))
    (back,) = world.hear(sent.flow, reply.replace(b"CSeq:", line.encode() + b"\r\nCSeq:"))
    assert back.flow is phone
    assert "sipfront" not in back.text.lower()
    text = octets(
        request(
            "INVITE",
            f"sip:1002@{INSIDE}",
            via=f"{NODE_A}:5060",
            branch="n",
            call_id="n",
            contact=f"<sip:6@{NODE_A}>",
        )
    )
    if "trunk" not in line.lower():
        (sent,) = world.hear(
            world.nodes[0], text.replace(b"Contact:", line.encode() + b"\r\nContact:")
        )
        assert sent.flow is phone
        assert "sipfront" not in sent.text.lower()
        assert "folded" not in sent.text


def test_what_is_not_understood_passes_to_the_octet() -> None:
    world = World()
    lines = (
        b"X-Odd:  two  spaces\r\n\tand a fold \r\nx-empty:\r\nX-Bytes: \xc3\xa9\xff\r\n"
        b'uSER-aGENT: y\r\nP-Charging-Vector: a=b;c="d, <e>"\r\n'
    )
    data = octets(request("MESSAGE", f"sip:600@{FRONT}", body="  leading\x00 and more"))
    (sent,) = world.hear(world.phone(), data.replace(b"Contact:", lines + b"Contact:"))
    assert lines in sent.message.data
    assert sent.message.body == b"  leading\x00 and more"


@pytest.mark.parametrize("status", [301, 302, 485])
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_redirects_do_not_betray_a_node(method: str, status: int) -> None:
    world = World()
    phone = world.phone()
    uri = "sip:example.com" if method == "REGISTER" else "sip:600@example.com"
    (sent,) = world.hear(phone, request(method, uri))
    out = world.hear(
        sent.flow,
        answer(
            sent,
            status,
            tag="n",
            extra=f"Contact: <sip:601@{NODE_A}:5060>, <sip:602@elsewhere.example.org>",
        ),
    )
    (back,) = [item for item in out if item.flow is phone]
    assert NODE_A not in back.text
    assert f"<sip:601@{FRONT}:5060>" in back.text
    assert "<sip:602@elsewhere.example.org>" in back.text
    assert ";sf=" not in back.text.replace("z9hG4bK", "")


def test_a_refer_to_with_our_token_is_mapped_back() -> None:
    """An attended transfer: the node recognises its own address and dialog."""
    world = World()
    phone = world.phone()
    (sent,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(
        sent.flow, answer(sent, 200, tag="n", contact=f"<sip:600@{NODE_A}:5070;x=1>")
    )
    shown = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (refer,) = world.hear(
        phone,
        request(
            "REFER",
            shown,
            branch="r",
            cseq=2,
            to=f"<sip:600@{FRONT}>;tag=n",
            extra=f"Refer-To: <{shown}?Replaces=c1%3Bto-tag%3Dn>",
        ),
    )
    value = (refer.message.value(h.REFER_TO) or b"").decode()
    assert value == f"<sip:600@{NODE_A}:5070;x=1?Replaces=c1%3Bto-tag%3Dn>"


def test_route_sets() -> None:
    assert reversed_routes([]) == b""
    assert reversed_routes([b"<sip:a;lr>, <sip:b;lr>", b"<sip:c;lr>"]) == (
        b"<sip:c;lr>, <sip:b;lr>, <sip:a;lr>"
    )
    assert routed(b"sip:x", b"") == (b"sip:x", b"")
    assert routed(b"sip:x", b"<sip:a;x=1;lr>") == (b"sip:x", b"<sip:a;x=1;lr>")
    assert routed(b"sip:x", b"<sip:a>, <sip:b>") == (b"sip:a", b"<sip:b>, <sip:x>")


# -- the property ----------------------------------------------------------------------------------

HOSTS = st.sampled_from([NODE_A, NODE_B, INSIDE, f"{NODE_A}:5060", f"{INSIDE}:5062"])
LISTED = st.sampled_from([name for name in NAMES if name not in ("From", "To")])
ELSEWHERE = st.sampled_from(["192.168.1.5", "172.16.9.9:5070", "phone.invalid", "[2001:db8::9]"])


@st.composite
def lines(draw: st.DrawFn, hosts: st.SearchStrategy[str]) -> str:
    """Headers in which a host stands."""
    found: dict[str, str] = {}
    for _ in range(draw(st.integers(0, 4))):
        name, host = draw(LISTED), draw(hosts)
        found[name] = f'399 {host} "x"' if name == "Warning" else f'"x" <sip:7@{host};a=b>'
    for name in draw(st.lists(st.sampled_from(["Record-Route", "Route", "Path"]), unique=True)):
        found[name] = f"<sip:{draw(hosts)};lr>"
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def betrayed(text: str) -> list[str]:
    """Where an inside address stands, SDP and Call-ID excepted."""
    head = text.partition("\r\n\r\n")[0]
    return [
        line
        for line in head.split("\r\n")
        if "10.0.0." in line and not line.lower().startswith("call-id")
    ]


STATUS = st.sampled_from([180, 183, 200, 302, 401, 404, 485, 486, 503, 603])
METHOD = st.sampled_from(["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "REGISTER", "REFER"])


@settings(max_examples=60, deadline=None)
@given(METHOD, STATUS, lines(ELSEWHERE), lines(HOSTS), ELSEWHERE, HOSTS)
def test_nothing_crosses_from_phone_to_node_and_back(
    method: str, status: int, asked: str, said: str, via: str, host: str
) -> None:
    """Nothing that goes outside names a node; nothing towards a node is the outside's own way."""
    world = World()
    phone = world.phone()
    uri = "sip:example.com" if method == "REGISTER" else f"sip:600@{FRONT}"
    (sent,) = world.hear(
        phone, request(method, uri, via=via, contact=f"<sip:1001@{via};ob>", extra=asked)
    )
    assert sent.flow is world.nodes[0]
    message = sent.message
    assert len(message.values(h.VIA)) == 1
    for hid in (h.VIA, h.ROUTE, h.RECORD_ROUTE, h.CONTACT, h.PATH):
        for value in message.values(hid):
            assert via.encode() not in value
            assert FRONT.encode() not in value
    out = world.hear(
        sent.flow, answer(sent, status, tag="n", contact=f"<sip:600@{host}>", extra=said)
    )
    for item in out:
        if item.flow.node < 0:
            assert betrayed(item.text) == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "REFER"]),
    STATUS,
    lines(HOSTS),
    lines(ELSEWHERE),
    HOSTS,
    ELSEWHERE,
    st.booleans(),
)
def test_nothing_crosses_from_node_to_phone_and_back(
    method: str, status: int, asked: str, said: str, host: str, contact: str, named: bool
) -> None:
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (sent,) = world.hear(
        world.nodes[0],
        request(
            method,
            f"sip:1002@{INSIDE}:5062",
            via=host,
            sender=f"<sip:6@{host if named else 'example.com'}>;tag=n",
            to=f"<sip:1002@{host}>",
            contact=f"<sip:6@{host}>",
            extra=asked,
        ),
    )
    assert sent.flow is phone
    assert betrayed(sent.text) == []
    out = world.hear(
        phone, answer(sent, status, tag="p", contact=f"<sip:1002@{contact}>", extra=said)
    )
    for item in out:
        if item.flow.node < 0:
            assert betrayed(item.text) == []
        elif item.message.status:
            assert item.message.value(h.TO) == f"<sip:1002@{host}>;tag=p".encode()
            for hid in (h.VIA, h.ROUTE, h.PATH):
                for value in item.message.values(hid):
                    assert contact.encode() not in value
            if status not in (302, 485):
                for value in item.message.values(h.CONTACT):
                    assert contact.encode() not in value
