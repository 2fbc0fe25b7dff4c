"""What the front says in a node's place: the traps of route sets, transports and headers."""

from __future__ import annotations

from sipfront.sip import headers as h
from sipfront.sip.message import scan
from sipfront.stack import voice
from sipfront.stack.session import NOBODY, THE_INSIDE, THE_OUTSIDE
from tests.stack.kept import kept, sdp, up
from tests.stack.world import octets, request


def test_routes_of_a_proxy_before_the_phone() -> None:
    """The route set of each leg, in its order, and only there."""
    call = kept(
        routes="Record-Route: <sip:p2.example.org;lr>\nRecord-Route: <sip:p1.example.org;lr>\n"
    )
    bye = call.b.asks("BYE")[1]
    assert bye.flow is call.a.flow
    assert bye.message.value(h.ROUTE) == b"<sip:p2.example.org;lr>, <sip:p1.example.org;lr>"
    assert bye.message.uri == b"sip:1001@198.51.100.7:5060"


def test_over_tcp_and_ipv6() -> None:
    """The right transport and family on each side; a phone that came back by a new connection."""
    call = up(hosts=("198.51.100.7", "2001:db8::9"))
    world = call.world
    tcp = world.flows.stream(world.tcp, "198.51.100.7", 40000)
    a, b = call.legs
    a.outside_flow = tcp
    call.a.flow = tcp
    call.die()
    assert a.joined is b
    (invite,) = call.b.asks("INVITE", sdp("2001:db8::9", 5000, version=2))
    assert invite.flow is tcp
    assert b"SIP/2.0/TCP 192.0.2.10:5060" in (invite.message.value(h.VIA) or b"")
    assert b";transport=tcp" in (invite.message.value(h.CONTACT) or b"")
    assert b"c=IN IP6 2001:db8::9" in invite.message.body
    call.a.says(invite, 200, sdp("198.51.100.7", 4000, version=2))
    world.flows.dropped(tcp)
    again = world.flows.stream(world.tcp, "198.51.100.7", 40001)
    tcp.successor = again
    bye = call.b.asks("BYE")[1]
    assert bye.flow is again


def test_what_goes_on_with_a_body() -> None:
    """What is about the body, and nothing about the dialog."""
    text = request(
        "INFO",
        "sip:x@y",
        extra="Content-Type: a/b\nContent-Disposition: Info-Package\nInfo-Package: foo\n"
        'Authorization: Digest x\nRecord-Route: <sip:z>\nX-Own: 1\nWarning: 399 x "y"',
        body="x",
    )
    message = scan(octets(text))
    assert voice.copied(message).split(b"\r\n")[:-1] == [
        b"Content-Disposition: Info-Package",
        b"Info-Package: foo",
        b'Warning: 399 x "y"',
    ]
    assert voice.kind(message) == b"a/b"


def test_who_refreshes_is_named_by_the_part_in_this_request() -> None:
    """RFC 4028 section 4: uac is who sends the request."""
    leg = up().legs[0]
    assert leg.session is not None
    leg.session.interval = 90
    lines = {}
    for refresher in (NOBODY, THE_OUTSIDE, THE_INSIDE):
        leg.session.refresher = refresher
        lines[refresher] = [voice.session_line(leg, asking=asking) for asking in (True, False)]
    assert lines == {
        NOBODY: [b"", b""],
        THE_INSIDE: [
            b"Session-Expires: 90;refresher=uac\r\n",
            b"Session-Expires: 90;refresher=uas\r\n",
        ],
        THE_OUTSIDE: [
            b"Session-Expires: 90;refresher=uas\r\n",
            b"Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n",
        ],
    }
