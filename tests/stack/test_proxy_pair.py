"""Stories of the proxy core: which node is asked, and what is done while the pair is in doubt."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.notices import Overload
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_proxy import methods, node_request, talk
from tests.stack.world import (
    FRONT,
    INSIDE,
    NODE_A,
    NODE_B,
    Sent,
    World,
    answer,
    request,
)

# -- where a request goes --


def test_a_dialog_stays_with_its_owner() -> None:
    world = World()
    phone = world.phone()
    _, outside = talk(world, phone)
    world.route(1, standings=(Standing.DRAINING, Standing.ACTIVE))
    (info,) = world.hear(
        phone, request("INFO", outside, branch="i", cseq=2, to=f"<sip:600@{FRONT}>;tag=n")
    )
    assert info.flow is world.nodes[0]
    (new,) = world.hear(phone, request("INVITE", "sip:601@example.com", branch="j", call_id="c2"))
    assert new.flow is world.nodes[1]


@pytest.mark.parametrize(
    "header",
    [
        "Replaces: c1;to-tag=a;from-tag=n",
        "Replaces: c1;from-tag=a;to-tag=n",
        "Join: c1;to-tag=a;from-tag=n",
        "Target-Dialog: c1;local-tag=a;remote-tag=n",
        "rEPLACES : c1 ; early-only; To-Tag=a ; from-tag=n",
    ],
)
def test_replaces_join_and_target_dialog_go_to_the_owner(header: str) -> None:
    world = World()
    phone = world.phone()
    talk(world, phone)
    world.route(1, standings=(Standing.DRAINING, Standing.ACTIVE))
    (new,) = world.hear(
        world.phone("198.51.100.8"),
        request("INVITE", "sip:600@example.com", branch="r", call_id="c2", extra=header),
    )
    assert new.flow is world.nodes[0]
    (new,) = world.hear(
        world.phone("198.51.100.8"),
        request(
            "INVITE",
            "sip:600@example.com",
            branch="s",
            call_id="c3",
            extra=header.replace("c1", "unknown"),
        ),
    )
    assert new.flow is world.nodes[1]


def test_replaces_from_one_node_to_the_other() -> None:
    """One call lives on each node; the transfer names the other's dialog."""
    world = World()
    phone = world.phone()
    talk(world, phone)  # on pbx-a
    world.route(1, standings=(Standing.DRAINING, Standing.ACTIVE))
    (over,) = world.hear(
        world.nodes[1],
        node_request(
            "INVITE",
            f"sip:600@{INSIDE}:5062",
            NODE_B,
            branch="x",
            call_id="x",
            extra="Replaces: c1;to-tag=n;from-tag=a",
        ),
    )
    assert over.flow is world.nodes[0]
    (ok,) = world.hear(
        world.nodes[0], answer(over, 200, tag="q", contact=f"<sip:600@{NODE_A}:5060>")
    )
    assert ok.flow is world.nodes[1]
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    to = f"<sip:600@{INSIDE}:5062>;tag=q"
    (ack,) = world.hear(
        world.nodes[1], node_request("ACK", target, NODE_B, branch="y", call_id="x", to=to)
    )
    assert ack.flow is world.nodes[0]
    (bye,) = world.hear(
        world.nodes[1],
        node_request("BYE", target, NODE_B, branch="z", call_id="x", to=to, cseq=2),
    )
    assert bye.flow is world.nodes[0]
    (done,) = world.hear(world.nodes[0], answer(bye, 200))
    assert done.flow is world.nodes[1]


def challenge(world: World, phone: Flow, nonce: str) -> None:
    (first,) = world.hear(
        phone, request("REGISTER", "sip:example.com", to="<sip:1001@example.com>")
    )
    world.hear(
        first.flow,
        answer(first, 401, tag="x", extra=f'WWW-Authenticate: Digest realm="r", nonce="{nonce}"'),
    )


def with_credentials(branch: str, nonce: str) -> str:
    return request(
        "INVITE",
        "sip:600@example.com",
        branch=branch,
        call_id=branch,
        extra='Proxy-Authorization: Digest username="1001", realm="r", uri="sip:x", '
        f'cnonce="no", nonce="{nonce}", response="0"',
    )


def test_credentials_go_to_the_node_of_their_nonce() -> None:
    world = World()
    phone = world.phone()
    challenge(world, phone, "of-a")
    world.route(1, standings=(Standing.DRAINING, Standing.ACTIVE))
    (sent,) = world.hear(phone, with_credentials("p1", "of-a"))
    assert sent.flow is world.nodes[0]
    (sent,) = world.hear(phone, with_credentials("p2", "of-nobody"))
    assert sent.flow is world.nodes[1]
    world.wait(91)
    (sent,) = world.hear(phone, with_credentials("p3", "of-a"))
    assert sent.flow is world.nodes[1]


@pytest.mark.parametrize(
    ("states", "standings"),
    [
        ((NodeState.DOWN, NodeState.UP), (Standing.DRAINING, Standing.ACTIVE)),
        ((NodeState.UP, NodeState.UP), (Standing.FENCED, Standing.ACTIVE)),
    ],
)
def test_credentials_do_not_go_to_a_dead_or_fenced_node(
    states: tuple[NodeState, NodeState], standings: tuple[Standing, Standing]
) -> None:
    world = World()
    phone = world.phone()
    challenge(world, phone, "of-a")
    world.route(1, states, standings)
    world.out()
    (sent,) = world.hear(phone, with_credentials("p1", "of-a"))
    assert sent.flow is world.nodes[1]


# -- while the pair is in doubt --


def hedged(world: World, phone: Flow) -> tuple[Sent, Sent]:
    """An INVITE that is with both nodes."""
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    assert first.flow is world.nodes[0]
    world.engine.lost(world.nodes[0], world.now, "refused")
    (second,) = world.out()
    assert second.flow is world.nodes[1]
    assert second.message.named(b"x-sipfront-attempt") == [b"2"]
    assert second.message.named(b"x-sipfront-call") == first.message.named(b"x-sipfront-call")
    return first, second


CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="of-b"'


def test_the_standby_asks_for_credentials_first() -> None:
    """Passed at once; the retry finds the same node."""
    world = World()
    phone = world.phone()
    first, second = hedged(world, phone)
    out = world.hear(second.flow, answer(second, 401, tag="b", extra=CHALLENGE))
    assert methods(out) == [(second.flow, b"ACK"), (phone, 401)]
    (retry,) = world.hear(phone, with_credentials("retry", "of-b"))
    assert retry.flow is world.nodes[1]
    # The active one rings after all: it is cancelled.
    out = world.hear(first.flow, answer(first, 180, tag="a"))
    assert methods(out) == [(first.flow, b"CANCEL")]


def test_the_standbys_failure_is_held_and_the_active_answers() -> None:
    world = World()
    phone = world.phone()
    first, second = hedged(world, phone)
    out = world.hear(second.flow, answer(second, 404, tag="b"))
    assert methods(out) == [(second.flow, b"ACK")]
    (ok,) = world.hear(first.flow, answer(first, 200, tag="a", contact=f"<sip:600@{NODE_A}>"))
    assert (ok.flow, ok.message.status, ok.message.to_tag) == (phone, 200, b"a")


def test_the_standbys_failure_is_held_and_the_active_fails_too() -> None:
    """Both have answered: the caller must hear of it."""
    world = World()
    phone = world.phone()
    first, second = hedged(world, phone)
    world.hear(second.flow, answer(second, 404, tag="b"))
    out = world.hear(first.flow, answer(first, 486, tag="a"))
    assert methods(out) == [(first.flow, b"ACK"), (phone, 486)], "the active one knows better"


def test_the_standbys_failure_is_held_until_the_decision() -> None:
    world = World()
    phone = world.phone()
    _, second = hedged(world, phone)
    world.hear(second.flow, answer(second, 486, tag="b"))
    world.route(1, (NodeState.DOWN, NodeState.UP), (Standing.FENCED, Standing.ACTIVE))
    (back,) = [item for item in world.out() if item.flow is phone]
    assert back.message.status == 486


def test_the_standbys_failure_is_held_and_the_active_never_answers() -> None:
    world = World()
    phone = world.phone()
    _, second = hedged(world, phone)
    world.hear(second.flow, answer(second, 486, tag="b"))
    finals = [
        s.message.status for s in world.wait(33) if s.flow is phone and s.message.status > 199
    ]
    assert finals[0] == 486


def test_the_standbys_failure_is_held_and_the_actives_connection_ends() -> None:
    """Nothing else can come: the failure that was kept is the answer."""
    world = World()
    stream = world.flows.stream(world.inside, NODE_A, 5060, 0)
    stream.reliable = True
    world.engine.node_flows(0, (stream,))
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    states = (NodeState.SUSPECT, NodeState.UP)
    world.route(0, states)
    (first, second) = world.hear(
        phone, request("INVITE", "sip:601@example.com", branch="b2", call_id="c2")
    )
    assert (first.flow, second.flow) == (stream, world.nodes[1])
    world.hear(second.flow, answer(second, 486, tag="b"))
    world.engine.lost(stream, world.now, "closed")
    assert (phone, 486) in methods(world.out())


def test_both_nodes_say_200() -> None:
    """The first wins; the other's is acknowledged and ended here, and never passed."""
    world = World()
    phone = world.phone()
    first, second = hedged(world, phone)
    out = world.hear(second.flow, answer(second, 200, tag="b", contact=f"<sip:600@{NODE_B}>"))
    assert methods(out) == [(phone, 200)]
    out = world.hear(first.flow, answer(first, 200, tag="a", contact=f"<sip:600@{NODE_A}>"))
    assert methods(out) == [(first.flow, b"ACK"), (first.flow, b"BYE")]
    assert [leg.owner for leg in world.engine.shared.legs] == [1]


def test_a_hedge_is_for_plain_invites_only() -> None:
    """Replaces names a dialog of one node; REGISTER cannot be taken back."""
    world = World()
    phone = world.phone()
    world.hear(
        phone, request("INVITE", "sip:1@example.com", extra="Replaces: z;to-tag=1;from-tag=2")
    )
    world.hear(phone, request("MESSAGE", "sip:1@example.com", branch="b2", call_id="c2"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    assert world.out() == []


def test_parking_and_its_end() -> None:
    """100 for the INVITE; after 3 s 503 with Retry-After."""
    world = World()
    world.route(None)
    phone = world.phone()
    assert world.hear(phone, request("INVITE", "sip:600@example.com")) == []
    assert (
        world.hear(phone, request("MESSAGE", "sip:1@example.com", branch="b2", call_id="m")) == []
    )
    out = world.wait(3.1)
    assert [item.message.status for item in out][:3] == [100, 503, 503]
    for item in out[1:3]:
        assert item.message.value(h.RETRY_AFTER) is not None
    assert world.engine.counters["parked too long"] == 2


def test_parked_requests_go_when_the_roles_are_decided() -> None:
    world = World()
    world.route(None)
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(phone, request("MESSAGE", "sip:1@example.com", branch="b2", call_id="m"))
    world.wait(1)
    world.route(1)
    assert methods(world.out()) == [(world.nodes[1], b"INVITE"), (world.nodes[1], b"MESSAGE")]


def test_a_parked_call_is_cancelled() -> None:
    world = World()
    world.route(None)
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    out = world.hear(phone, request("CANCEL", "sip:600@example.com", contact=""))
    assert methods(out) == [(phone, 200), (phone, 487)]
    world.route(1)
    assert world.out() == []


def test_a_request_for_a_suspect_node_waits_for_its_next_word() -> None:
    world = World()
    phone = world.phone()
    world.engine.lost(world.nodes[0], world.now, "refused")
    assert world.hear(phone, request("MESSAGE", "sip:1@example.com")) == []
    (sent,) = world.hear(
        world.nodes[0],
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.10:5062\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: x\nCSeq: 1 OPTIONS",
    )
    assert (sent.flow, sent.message.method) == (world.nodes[0], b"MESSAGE")


def test_a_503_is_tried_once_on_the_standby() -> None:
    """The role stays; the second 503 goes to the caller, without its Retry-After."""
    world = World()
    phone = world.phone()
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    out = world.hear(first.flow, answer(first, 503, tag="a", extra="Retry-After: 20"))
    assert methods(out) == [(world.nodes[0], b"ACK"), (world.nodes[1], b"INVITE")]
    assert Overload(0, world.now, 20) in world.log
    second = out[1]
    out = world.hear(second.flow, answer(second, 503, tag="b", extra="Retry-After: 30"))
    (back,) = [item for item in out if item.flow is phone]
    assert back.message.status == 503
    assert back.message.value(h.RETRY_AFTER) is None
    # Until then new calls get 503 here; registrations go on.
    (no,) = world.hear(phone, request("INVITE", "sip:601@example.com", branch="b2", call_id="c2"))
    assert no.message.status == 503
    (yes,) = world.hear(
        phone, request("REGISTER", "sip:example.com", branch="b3", to="<sip:1001@example.com>")
    )
    assert yes.flow is world.nodes[0]


def test_an_overloaded_node_is_hedged_until_its_time_is_over() -> None:
    world = World()
    phone = world.phone()
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(first.flow, answer(first, 503, tag="a", extra="Retry-After: 20"))
    out = world.hear(phone, request("INVITE", "sip:601@example.com", branch="b2", call_id="c2"))
    assert methods(out) == [(world.nodes[0], b"INVITE"), (world.nodes[1], b"INVITE")]
    world.wait(33)
    out = world.hear(phone, request("INVITE", "sip:602@example.com", branch="b4", call_id="c4"))
    assert methods(out)[0] == (world.nodes[0], b"INVITE")
