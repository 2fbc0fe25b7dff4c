"""Where a request goes, and above all where it never goes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipfront.sip import headers as h
from sipfront.stack.route import NodeState
from tests.stack.world import FRONT, INSIDE, NODE_A, NODE_B, World, answer, request


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
    from sipfront.stack.route import NodeState

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
