"""Where requests go, rule by rule; the long stories are in test_proxy.py."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipfront.sip import headers as h
from sipfront.stack.route import NodeState, Standing
from tests.stack.world import (
    CARRIER,
    FRONT,
    INSIDE,
    NODE_A,
    NODE_B,
    World,
    answer,
    request,
)

LEFT = (Standing.DRAINING, Standing.ACTIVE)


def uri_of(value: bytes | None) -> str:
    return (value or b"").decode().partition("<")[2].partition(">")[0]


def test_a_contact_outlives_the_role_of_its_node() -> None:
    """A node registered at the trunk; after the switch-over the trunk still calls that Contact."""
    world = World()
    (register,) = world.hear(
        world.nodes[0],
        request(
            "REGISTER",
            f"sip:{CARRIER}",
            via=f"{NODE_A}:5060",
            sender="<sip:company@203.0.113.5>;tag=n",
            to="<sip:company@203.0.113.5>",
            contact=f"<sip:company@{NODE_A}:5070;line=x>",
        ),
    )
    assert register.flow is world.carrier
    contact = uri_of(register.message.value(h.CONTACT))
    world.hear(world.carrier, answer(register, 200, tag="t", contact=f"<{contact}>;expires=60"))

    def call(number: int) -> bytes:
        (sent,) = world.hear(
            world.carrier,
            request(
                "INVITE", contact, via=f"{CARRIER}:5060", branch=f"t{number}", call_id=f"t{number}"
            ),
        )
        return b"%b %b" % (sent.to.encode(), sent.message.uri)

    assert call(1) == b"10.0.0.11 sip:company@10.0.0.11:5070;line=x"
    world.route(1, standings=LEFT)
    assert call(2) == b"10.0.0.12 sip:company@10.0.0.12:5060;line=x"
    world.route(1, (NodeState.DOWN, NodeState.UP))
    world.out()
    assert call(3) == b"10.0.0.12 sip:company@10.0.0.12:5060;line=x"


def test_a_hedge_names_the_other_node() -> None:
    """The Request-URI of the first branch is the first node's own."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5070>")
    )
    contact = uri_of(ok.message.value(h.CONTACT))
    (first,) = world.hear(phone, request("INVITE", contact, branch="b2", call_id="c2"))
    assert first.message.uri == b"sip:600@10.0.0.11:5070"
    world.engine.lost(world.nodes[0], world.now, "refused")
    (second,) = world.out()
    assert (second.to, second.message.uri) == (NODE_B, b"sip:600@10.0.0.12:5060")


@pytest.mark.parametrize("token", ["d" + "0" * 40, "n" + "0" * 30, "s" + "0" * 42, "zz", "n" * 80])
def test_forged_tokens(token: str) -> None:
    """Refused, in a dialog and out of it; what is no token of ours is no way to anywhere."""
    world = World()
    uri = f"sip:600@elsewhere.invalid;sf={token}"
    (no,) = world.hear(world.phone(), request("INVITE", uri))
    assert no.message.status == 403
    (no,) = world.hear(world.phone(), request("BYE", uri, branch="b2", to=f"<{uri}>;tag=x"))
    assert no.message.status in (403, 481)
    (no,) = world.hear(world.nodes[0], request("INVITE", uri, via=f"{NODE_A}:5060"))
    assert no.message.status == 503


def test_a_token_in_capital_letters_is_the_same() -> None:
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    head, _, token = uri_of(ok.message.value(h.CONTACT)).partition("sf=")
    to = "<sip:600@example.com>;tag=n"
    (info,) = world.hear(
        phone, request("INFO", f"{head}SF={token.upper()}", branch="b2", to=to, cseq=2)
    )
    assert info.to == NODE_A


def test_credentials_for_a_trunk_go_to_the_address_that_asked() -> None:
    """Two addresses of one carrier; the second one issued the nonce."""
    world = World()
    second = world.flows.udp(world.udp, "203.0.113.6", 5060)
    world.engine.trunk_resolved("carrier", (world.carrier, second), world.now)

    def call(branch: str, cseq: int, extra: str = "") -> str:
        return request(
            "INVITE",
            f"sip:0123@{CARRIER}",
            via=f"{NODE_A}:5060",
            branch=branch,
            cseq=cseq,
            sender=f"<sip:1002@{NODE_A}>;tag=n",
            contact=f"<sip:1002@{NODE_A}>",
            extra=extra,
        )

    (first,) = world.hear(world.nodes[0], call("t1", 1))
    _, again = world.hear(world.carrier, answer(first, 503, tag="t"))
    assert again.flow is second
    out = world.hear(
        second,
        answer(
            again, 407, tag="u", extra='Proxy-Authenticate: Digest realm="r", nonce="of-second"'
        ),
    )
    assert [item.message.status for item in out if item.flow is world.nodes[0]] == [407]
    proof = 'Proxy-Authorization: Digest username="x", realm="r", nonce="of-second", response="y"'
    (sent,) = world.hear(world.nodes[0], call("t2", 2, proof))
    assert sent.flow is second
    (sent,) = world.hear(world.nodes[0], call("t3", 3, proof.replace("of-second", "unknown")))
    assert sent.flow is world.carrier


def test_the_other_leg_carries_the_correlation() -> None:
    """The dialplan copied X-Sipfront-Call: the two legs of a call are known to belong together."""
    world = World()
    (invite,) = world.hear(
        world.carrier, request("INVITE", f"sip:600@{FRONT}", via=f"{CARRIER}:5060")
    )
    (call,) = invite.message.named(b"x-sipfront-call")
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    (out,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:0123@{CARRIER}",
            via=f"{NODE_A}:5060",
            branch="n1",
            call_id="c2",
            sender=f"<sip:600@{NODE_A}>;tag=n",
            contact=f"<sip:600@{NODE_A}>",
            extra=f"X-Sipfront-Call: {call.decode()}",
        ),
    )
    assert b"sipfront" not in out.message.data.lower()
    world.hear(world.carrier, answer(out, 200, tag="t", contact=f"<sip:{CARRIER}>"))
    assert {leg.correlation for leg in world.engine.shared.legs} == {call}


def test_a_mailbox_notify_leaves_nothing() -> None:
    """RFC 6665 4.1.3: without a To-tag it belongs to no subscription that anybody would end."""
    world = World()
    (sent,) = world.hear(
        world.nodes[0],
        request(
            "NOTIFY",
            f"sip:0123@{CARRIER}",
            via=f"{NODE_A}:5060",
            sender=f"<sip:asterisk@{NODE_A}>;tag=n",
            contact=f"<sip:asterisk@{NODE_A}>",
            extra="Event: message-summary\nSubscription-State: active",
        ),
    )
    (ok,) = world.hear(world.carrier, answer(sent, 200, tag="p", contact=f"<sip:{CARRIER}>"))
    assert ok.message.status == 200
    assert len(world.engine.shared.legs) == 0
    assert world.engine.shared.legs.owned == [0, 0]


def test_a_notify_that_overtakes_its_200() -> None:
    """The dialog is known by its token at first; the 200 tells who is at both ends."""
    world = World()
    phone = world.phone()
    (sub,) = world.hear(phone, request("SUBSCRIBE", "sip:1002@example.com", extra="Event: dialog"))
    inside = uri_of(sub.message.value(h.CONTACT))
    (notify,) = world.hear(
        world.nodes[0],
        request(
            "NOTIFY",
            inside,
            via=f"{NODE_A}:5060",
            branch="n1",
            sender="<sip:1002@example.com>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            contact=f"<sip:1002@{NODE_A}>",
            extra="Event: dialog\nSubscription-State: active",
        ),
    )
    assert notify.flow is phone
    world.hear(phone, answer(notify, 200))
    world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:1002@{NODE_A}>"))
    (leg,) = list(world.engine.shared.legs)
    assert (leg.kind, leg.event) == (b"SUBSCRIBE", b"dialog")
    assert leg.outside_party == b"<sip:1001@example.com>;tag=a"
    assert leg.inside_party == b"<sip:1002@example.com>;tag=n"
    world.engine.care.end(leg, world.now, "")
    (last,) = world.out()
    assert last.message.value(h.SUBSCRIPTION_STATE) == b"terminated;reason=deactivated"


@pytest.mark.parametrize(
    ("host", "trunk"), [("203.0.113.5", True), ("203.0.113.15", True), ("203.0.113.16", False)]
)
def test_a_trunk_is_known_by_its_networks(host: str, trunk: bool) -> None:
    world = World()
    flow = world.flows.udp(world.udp, host, 5060)
    (sent,) = world.hear(flow, request("INVITE", f"sip:600@{FRONT}", via=f"{host}:5060"))
    assert sent.message.named(b"x-sipfront-trunk") == ([b"carrier"] if trunk else [])


@pytest.mark.parametrize(
    "uri",
    [
        "sip:x@elsewhere.invalid",
        "sip:x@127.0.0.1",
        "sip:x@203.0.113.5:5061",
        f"sip:x@{NODE_A}",
        f"sip:x@{NODE_B}:5060",
        "sip:x@example.com.elsewhere.invalid",
    ],
)
def test_nodes_reach_nobody_else(uri: str) -> None:
    """Whatever Request-URI, Route, Contact, Via or maddr say."""
    world = World()
    sent = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            uri,
            via=f"{NODE_A}:5060",
            contact="<sip:x@198.51.100.99>",
            extra="Route: <sip:198.51.100.99;lr>",
        ),
    )
    assert [(item.flow, item.message.status) for item in sent] == [(world.nodes[0], 503)]
    sent = world.hear(
        world.nodes[0],
        request(
            "INVITE", f"sip:x@{INSIDE}:5062;maddr=198.51.100.99", via=f"{NODE_A}:5060", branch="m"
        ),
    )
    assert [(item.flow, item.message.status) for item in sent] == [(world.nodes[0], 480)]


# -- and where it never goes, whatever it says --


@pytest.mark.parametrize(
    "uri",
    ["sip:1@elsewhere.invalid", "sip:1@10.0.0.11", "sip:1@203.0.113.5", "sips:1@elsewhere.invalid"],
)
def test_the_outside_reaches_nobody_but_the_pair(uri: str) -> None:
    world = World()
    (no,) = world.hear(world.phone(), request("INVITE", uri))
    assert no.message.status == 403


@pytest.mark.parametrize(
    "more",
    [
        {"extra": "Route: <sip:evil.invalid;lr>"},
        {"uri": f"sip:600@{FRONT};maddr=203.0.113.99;transport=tcp"},
        {"via": "203.0.113.99:5060"},
        {"contact": "<sip:evil.invalid>"},
    ],
)
def test_no_header_leads_a_request_elsewhere(more: dict[str, str]) -> None:
    world = World()
    (sent,) = world.hear(
        world.phone(),
        request("INVITE", more.pop("uri", f"sip:600@{FRONT}"), **more),  # type: ignore[arg-type]
    )
    assert sent.flow is world.nodes[0]
    assert b"203.0.113.99" not in sent.message.uri
    assert not sent.message.has(h.ROUTE)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:1@elsewhere.invalid",
        f"sip:1@{NODE_B}:5060",
        "sip:1@198.51.100.7:5060",
        f"sip:{INSIDE}:5062",
        "tel:+4930123",
    ],
)
def test_a_node_reaches_nobody_who_is_not_known(uri: str) -> None:
    world = World()
    (no,) = world.hear(
        world.nodes[0],
        request("INVITE", uri, via=f"{NODE_A}:5060", extra="Route: <sip:198.51.100.7;lr>"),
    )
    assert (no.flow, no.message.status) == (world.nodes[0], 503)


def test_answers_to_a_stranger_on_the_inside() -> None:
    """An inside socket listens to nodes only."""
    world = World()
    stranger = world.flows.udp(world.inside, "10.0.0.99", 5060, -2)
    assert world.hear(stranger, request("INVITE", f"sip:600@{INSIDE}")) == []
    assert world.engine.counters["stranger on an inside address"] == 1


@pytest.mark.parametrize("number", ["112", "911", "110"])
def test_emergency_numbers(number: str) -> None:
    world = World()
    world.route(None)
    world.hear(world.phone(), request("INVITE", f"sip:{number}@example.com"))
    world.out()
    assert [note.event for note in world.log if hasattr(note, "event")] == ["emergency call parked"]  # type: ignore[union-attr]


def test_the_urn_of_emergencies() -> None:
    world = World()
    (sent,) = world.hear(world.phone(), request("INVITE", "urn:service:sos.fire"))
    assert sent.flow is world.nodes[0]
    assert sent.message.uri == b"urn:service:sos.fire"


def test_local_and_remote_inside_flows() -> None:
    """PBXs choose the SDP address by where signalling comes from."""
    world = World()
    assert world.settings is not None
    shared = world.engine.shared
    shared.settings = replace(shared.settings, local_networks=(ip_network("192.168.0.0/16"),))
    remote = world.flows.udp(world.inside, NODE_A, 5999, 0)
    world.engine.node_flows(0, (world.nodes[0], remote))
    (near,) = world.hear(world.phone("192.168.1.5"), request("INVITE", f"sip:600@{FRONT}"))
    (far,) = world.hear(
        world.phone(), request("INVITE", f"sip:600@{FRONT}", branch="f", call_id="f")
    )
    assert (near.flow, far.flow) == (world.nodes[0], remote)


def test_options_to_the_front() -> None:
    """200 only when some node can take calls."""

    world = World()
    (yes,) = world.hear(world.phone(), request("OPTIONS", f"sip:{FRONT}"))
    assert yes.message.status == 200
    world.route(None, (NodeState.DOWN, NodeState.UNKNOWN))
    (no,) = world.hear(world.phone(), request("OPTIONS", f"sip:{FRONT}", branch="b2"))
    assert no.message.status == 503


def test_a_domain_is_kept_and_our_address_becomes_the_nodes() -> None:
    world = World()
    (one,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com;x=1"))
    assert one.message.uri == b"sip:600@example.com;x=1"
    (two,) = world.hear(
        world.phone(), request("INVITE", f"sip:600@{FRONT}:5060;x=1", branch="b2", call_id="c2")
    )
    assert two.message.uri == b"sip:600@10.0.0.11:5060;x=1"


def test_an_unknown_dialog_is_481() -> None:
    world = World()
    for flow, via in ((world.phone(), "198.51.100.7"), (world.nodes[0], NODE_A)):
        (no,) = world.hear(flow, request("BYE", f"sip:x@{FRONT}", via=via, to="<sip:x@y>;tag=z"))
        assert no.message.status == 481


def test_the_trunks_header_of_an_answered_call_is_not_believed_from_outside() -> None:
    world = World()
    (sent,) = world.hear(
        world.phone(), request("INVITE", "sip:600@example.com", extra="X-Sipfront-Trunk: carrier")
    )
    assert sent.message.named(b"x-sipfront-trunk") == []
    world.hear(sent.flow, answer(sent, 486, tag="x"))
