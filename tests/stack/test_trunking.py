"""Nodes that register at a trunk through the front: one Contact at the carrier, whoever is active."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.sip import headers as h
from sipfront.stack.enrolment import MARGIN
from sipfront.stack.route import NodeState, Standing
from tests.stack.world import CARRIER, FRONT, INSIDE, NODE_A, NODE_B, Sent, World, answer, request

NODES = (NODE_A, NODE_B)
LINE = ("abc", "xyz")
count = 0


def world(register: str = "node", **more: object) -> World:
    made = World()
    settings = made.engine.shared.settings
    trunk = replace(settings.trunks[0], register=register, **more)  # type: ignore[arg-type]
    made.engine.trunks_changed((trunk,), made.now)
    return made


def ask(
    world: World, node: int, *, expires: int = 3600, user: str = "s", extra: str = ""
) -> list[Sent]:
    """A node's REGISTER, as Asterisk sends it: by way of the front, with ``line``."""
    global count
    count += 1
    host = NODES[node]
    return world.hear(
        world.nodes[node],
        request(
            "REGISTER",
            f"sip:{CARRIER}",
            via=f"{host}:5060",
            branch=f"t{count}",
            sender=f"<sip:4930@{CARRIER}>;tag=t{count}",
            to=f"<sip:4930@{CARRIER}>",
            call_id=f"node-{node}",
            cseq=count,
            contact=f"<sip:{user}@{host}:5060;line={LINE[node]}>",
            extra=f"Route: <sip:{INSIDE}:5062;lr>\nExpires: {expires}\n{extra}",
        ),
    )


def granted(sent: Sent, seconds: int) -> str:
    """The carrier's 200: the Contact as it was, and that of somebody else."""
    contact = (sent.message.value(h.CONTACT) or b"").decode().partition(";expires")[0]
    return answer(
        sent,
        200,
        tag="r",
        extra=f"Contact: {contact};expires={seconds}\nContact: <sip:x@192.0.2.99>;expires=77",
    )


def contact(sent: Sent) -> str:
    return b", ".join(sent.message.values(h.CONTACT)).decode()


def registered(world: World, node: int = 0, seconds: int = 3600) -> Sent:
    """The active node registers with the carrier; what the node is told."""
    (sent,) = ask(world, node)
    (back,) = world.hear(sent.flow, granted(sent, seconds))
    return back


def call(world: World, uri: str, branch: str = "in1") -> list[Sent]:
    """The carrier calls."""
    return world.hear(
        world.carrier,
        request(
            "INVITE",
            uri,
            via=f"{CARRIER}:5060",
            branch=branch,
            sender=f"<sip:0170@{CARRIER}>;tag=c",
            call_id=branch,
            contact=f"<sip:{CARRIER}:5060>",
        ),
    )


def known(world: World) -> str:
    """The Contact that the carrier knows."""
    (enrolment,) = world.engine.shared.enrolments
    return enrolment.contact(world.udp).decode()


def test_the_active_nodes_register_is_passed_with_the_accounts_contact() -> None:
    one = world()
    (sent,) = ask(one, 0)
    assert sent.flow is one.carrier
    assert sent.message.uri == f"sip:{CARRIER}".encode()
    assert contact(sent).startswith(f"<sip:4930@{FRONT}:5060;sf=a")
    assert contact(sent).endswith(">;expires=3600")
    assert NODE_A not in sent.text
    assert sent.message.call_id != b"node-0"
    (back,) = one.hear(sent.flow, granted(sent, 3600))
    assert back.flow is one.nodes[0]
    assert contact(back) == f"<sip:s@{NODE_A}:5060;line=abc>;expires={3600 - MARGIN}"
    assert back.message.call_id == b"node-0"
    assert b"192.0.2.99" not in back.message.data


def test_an_answer_with_the_nodes_own_call_id_is_none_of_the_carriers() -> None:
    """The carrier never saw it: the account has a Call-ID of its own for both nodes."""
    one = world()
    (sent,) = ask(one, 0)
    theirs = sent.message.call_id.decode()
    assert one.hear(sent.flow, granted(sent, 3600).replace(theirs, "node-0")) == []
    assert one.engine.counters["response to another call"] == 1
    assert len(one.hear(sent.flow, granted(sent, 3600))) == 1


def test_a_challenge_passes_and_its_answer_comes_back_in_one_series() -> None:
    one = world()
    (sent,) = ask(one, 0)
    challenge = 'WWW-Authenticate: Digest realm="c", nonce="n1"'
    (back,) = one.hear(sent.flow, answer(sent, 401, tag="r", extra=challenge))
    assert (back.flow, back.message.status) == (one.nodes[0], 401)
    (again,) = ask(one, 0, extra='Authorization: Digest username="4930", nonce="n1"')
    assert again.message.value(h.AUTHORIZATION) is not None
    assert again.message.call_id == sent.message.call_id
    assert again.message.cseq > sent.message.cseq
    assert contact(again) == contact(sent)


def test_the_standbys_is_answered_here_and_is_short() -> None:
    one = world()
    registered(one)
    (back,) = ask(one, 1)
    assert (back.flow, back.message.status) == (one.nodes[1], 200)
    assert contact(back) == f"<sip:s@{NODE_B}:5060;line=xyz>;expires={MARGIN}"


@pytest.mark.parametrize("standing", [Standing.FENCED, Standing.DRAINING, Standing.STANDBY])
def test_no_standing_is_refused_for_good(standing: Standing) -> None:
    """Asterisk never registers again after 403 or 404."""
    one = world()
    one.route(1, standings=(standing, Standing.ACTIVE))
    (back,) = ask(one, 0)
    assert back.message.status == 200


def test_before_any_decision_nothing_is_passed() -> None:
    one = world()
    one.route(None)
    (back,) = ask(one, 0)
    assert (back.flow, back.message.status) == (one.nodes[0], 200)


def test_a_standby_that_comes_first_is_back_soon() -> None:
    """What the carrier will grant the active one is not known yet, and may be little."""
    one = world()
    (back,) = ask(one, 1)
    assert contact(back).endswith(";expires=20")


def test_calls_go_to_the_active_node_as_it_registered() -> None:
    one = world()
    registered(one)
    ask(one, 1)
    uri = known(one)
    (invite,) = call(one, uri)
    assert invite.flow is one.nodes[0]
    assert invite.message.uri == f"sip:s@{NODE_A}:5060;line=abc".encode()
    assert b"X-Sipfront-Trunk: carrier\r\n" in invite.message.data
    one.hear(invite.flow, answer(invite, 486, tag="n"))
    # The failover: not one message to the carrier, and the next call is the other one's.
    one.now += 5
    one.route(1, states=(NodeState.DOWN, NodeState.UP))
    assert [sent for sent in one.out() if sent.flow is one.carrier] == []
    (invite,) = call(one, uri, "in2")
    assert invite.flow is one.nodes[1]
    assert invite.message.uri == f"sip:s@{NODE_B}:5060;line=xyz".encode()
    # The new active node's next REGISTER refreshes the same binding.
    (sent,) = ask(one, 1)
    assert sent.flow is one.carrier
    assert contact(sent).partition(">")[0][1:] == uri


def test_a_hedged_call_has_the_standbys_own_uri() -> None:
    one = world()
    registered(one)
    ask(one, 1)
    one.route(0, states=(NodeState.SUSPECT, NodeState.UP))
    sent = call(one, known(one))
    assert {invite.message.uri for invite in sent} == {
        f"sip:s@{NODE_A}:5060;line=abc".encode(),
        f"sip:s@{NODE_B}:5060;line=xyz".encode(),
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"sip:4930@{FRONT}", f"sip:s@{NODE_A}:5060;line=abc"),  # the parameter was dropped
        (f"sip:493012345@{FRONT}", f"sip:493012345@{NODE_A}:5060;line=abc"),  # a dialled number
    ],
)
def test_carriers_that_do_not_keep_the_contact(uri: str, expected: str) -> None:
    one = world()
    registered(one)
    (invite,) = call(one, uri)
    assert invite.message.uri == expected.encode()


def test_a_stranger_does_not_call_the_account() -> None:
    one = world()
    registered(one)
    (invite,) = one.hear(one.phone(), request("INVITE", known(one), contact="<sip:x@198.51.100.7>"))
    assert b"line=" not in invite.message.uri
    assert b"X-Sipfront-Trunk" not in invite.message.data
    (no,) = one.hear(
        one.phone("198.51.100.8"), request("INVITE", f"sip:x@{FRONT};sf=nffff", branch="f")
    )
    assert no.message.status == 403


@pytest.mark.parametrize(
    ("seconds", "active", "standby"), [(3600, 3540, 60), (120, 60, 60), (60, 30, 30), (30, 20, 20)]
)
def test_a_failover_at_the_worst_moment_is_before_the_end(
    seconds: int, active: int, standby: int
) -> None:
    """What is left when the active one would have registered again is what the standby waits."""
    one = world()
    back = registered(one, 0, seconds)
    assert contact(back).endswith(f";expires={active}")
    (back,) = ask(one, 1)
    assert contact(back).endswith(f";expires={standby}")


def test_a_node_that_is_shut_down_in_order_does_not_end_it_for_both() -> None:
    one = world()
    registered(one)
    ask(one, 1)
    (back,) = ask(one, 0, expires=0)
    assert (back.flow, back.message.status) == (one.nodes[0], 200)
    assert contact(back) == ""
    one.route(1, states=(NodeState.DOWN, NodeState.UP))
    one.out()
    (invite,) = call(one, known(one))
    assert invite.flow is one.nodes[1]


def test_the_last_one_ends_it() -> None:
    one = world()
    registered(one)
    (sent,) = ask(one, 0, expires=0)
    assert sent.flow is one.carrier
    assert contact(sent).endswith(";expires=0")
    (back,) = one.hear(sent.flow, answer(sent, 200, tag="r"))
    assert back.message.status == 200
    (enrolment,) = one.engine.shared.enrolments
    assert enrolment.expires == 0.0


def test_a_refusal_of_the_carrier_passes_and_is_remembered() -> None:
    one = world()
    (sent,) = ask(one, 0)
    (back,) = one.hear(sent.flow, answer(sent, 403, tag="r", contact="<sip:x@203.0.113.5>"))
    assert back.message.status == 403
    assert contact(back) == ""
    (enrolment,) = one.engine.shared.enrolments
    assert (enrolment.status, enrolment.why) == (403, "answered 403")


def test_a_carrier_that_says_nothing_of_contacts() -> None:
    one = world()
    (sent,) = ask(one, 0)
    (back,) = one.hear(sent.flow, answer(sent, 200, tag="r", extra="Expires: 300"))
    assert contact(back) == f"<sip:s@{NODE_A}:5060;line=abc>;expires=240"
    (enrolment,) = one.engine.shared.enrolments
    assert enrolment.granted == 300


def test_a_query_is_answered_here() -> None:
    one = world()
    registered(one)
    (back,) = one.hear(
        one.nodes[0],
        request("REGISTER", f"sip:{CARRIER}", to=f"<sip:4930@{CARRIER}>", contact="", branch="q"),
    )
    assert contact(back).startswith(f"<sip:s@{NODE_A}:5060;line=abc>;expires=")


def test_a_node_that_registers_where_the_front_does_is_content() -> None:
    """``register: front``, and nobody changed the PBX: its ``line`` is of use all the same."""
    one = world("front", user=b"4930", domain=CARRIER.encode())
    one.out()
    (back,) = ask(one, 0)
    assert (back.flow, back.message.status) == (one.nodes[0], 200)
    (invite,) = call(one, known(one))
    assert invite.message.uri == f"sip:s@{NODE_A}:5060;line=abc".encode()


def test_without_register_nothing_is_different() -> None:
    one = World()
    (sent,) = ask(one, 0)
    assert sent.flow is one.carrier
    (no,) = ask(one, 1)
    assert no.message.status == 503


def test_other_hosts_that_mean_the_trunk() -> None:
    one = world("none", match=(b"carrier.example",))
    (sent,) = one.hear(
        one.nodes[0],
        request("INVITE", "sip:0170@Carrier.example", contact=f"<sip:{NODE_A}>", branch="m"),
    )
    assert sent.flow is one.carrier
    assert sent.message.uri == b"sip:0170@Carrier.example"


def test_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipfront.stack.enrolment.MAX_ENROLMENTS", 0)
    (no,) = ask(world(), 0)
    assert no.message.status == 503
    assert b"Retry-After" in no.message.data
