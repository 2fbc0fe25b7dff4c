"""Stories of the proxy core (RFC 3261 section 16): forks, CANCEL, methods, Record-Route, the rules
of where a request goes, and what becomes of it while the pair is in doubt."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.notices import Overload
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_front import register
from tests.stack.world import (
    CARRIER,
    FRONT,
    INSIDE,
    NODE_A,
    NODE_B,
    Sent,
    World,
    answer,
    request,
)

ME = "<sip:1001@example.com>;tag=a"


def desks(world: World, count: int = 3) -> list[Flow]:
    """Several telephones of one extension."""
    phones = []
    listed: list[str] = []
    for number in range(count):
        phone = world.phone("198.51.100.20", 41000 + number)
        (sent,) = world.hear(
            phone,
            request(
                "REGISTER",
                "sip:example.com",
                branch=f"desk{number}",
                to="<sip:1002@example.com>",
                call_id=f"desk{number}",
                contact=f"<sip:1002@192.168.1.{number + 20}:5060>;expires=300",
            ),
        )
        listed.append((sent.message.value(h.CONTACT) or b"").decode())
        world.hear(
            sent.flow, answer(sent, 200, extra="\n".join(f"Contact: {value}" for value in listed))
        )
        phones.append(phone)
    return phones


def node_request(method: str, uri: str, host: str = NODE_A, **more: str | int) -> str:
    """A request of a node."""
    given: dict[str, str | int] = {
        "via": f"{host}:5060",
        "branch": "n1",
        "sender": f"<sip:600@{host}>;tag=n",
        "contact": f"<sip:600@{host}:5060>",
    }
    return request(method, uri, **(given | more))  # type: ignore[arg-type]


def fork(world: World) -> tuple[list[Flow], dict[Flow, Sent]]:
    """A node calls a static contact at the front; three telephones are asked."""
    phones = desks(world)
    sent = world.hear(world.nodes[0], node_request("INVITE", f"sip:1002@{INSIDE}:5062"))
    assert [item.flow for item in sent] == phones
    return phones, {item.flow: item for item in sent}


def methods(sent: list[Sent]) -> list[tuple[Flow, bytes | int]]:
    return [(item.flow, item.message.method or item.message.status) for item in sent]


# -- forks -----------------------------------------------------------------------------------------


def test_a_fork_takes_the_first_200_and_cancels_the_others() -> None:
    world = World()
    (one, two, three), sent = fork(world)
    assert len({item.message.value(h.VIA) for item in sent.values()}) == 3
    assert world.hear(two, answer(sent[two], 100)) == []
    (ringing,) = world.hear(
        one, answer(sent[one], 180, tag="p1", contact="<sip:1002@192.168.1.20>")
    )
    assert ringing.flow is world.nodes[0]
    out = world.hear(one, answer(sent[one], 200, tag="p1", contact="<sip:1002@192.168.1.20>"))
    assert methods(out) == [(two, b"CANCEL"), (world.nodes[0], 200)]
    # A CANCEL may not go before a provisional (9.1): the third gets it when it answers.
    (cancel,) = world.hear(three, answer(sent[three], 180, tag="p3"))
    assert (cancel.flow, cancel.message.method) == (three, b"CANCEL")
    assert methods(world.hear(two, answer(sent[two], 487, tag="p2"))) == [(two, b"ACK")]
    # The third took the call all the same: ACK and BYE, and nobody hears of it.
    late = world.hear(three, answer(sent[three], 200, tag="p3", contact="<sip:1002@192.168.1.22>"))
    assert methods(late) == [(three, b"ACK"), (three, b"BYE")]
    assert late[1].message.uri == b"sip:1002@192.168.1.22"
    assert late[1].message.cseq == late[0].message.cseq + 1
    again = world.hear(three, answer(sent[three], 200, tag="p3", contact="<sip:1002@192.168.1.22>"))
    assert methods(again) == [(three, b"ACK")], "its 200 again is acknowledged again, once ended"
    assert [leg.outside_tag for leg in world.engine.shared.legs] == [b"p1"]


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ((486, 480, 404), 404),
        ((486, 401, 480), 401),
        ((503, 486, 503), 486),
        ((503, 503, 503), 503),
        ((500, 404, 302), 302),
    ],
)
def test_the_best_failure_of_a_fork(statuses: tuple[int, ...], best: int) -> None:
    """16.7 step 6; nothing is passed before the last has answered."""
    world = World()
    phones, sent = fork(world)
    out: list[Sent] = []
    for phone, status in zip(phones, statuses, strict=True):
        assert [item for item in out if item.flow is world.nodes[0]] == []
        out = world.hear(phone, answer(sent[phone], status, tag="x"))
        assert out[0].message.method == b"ACK"
    (back,) = [item for item in out if item.flow is world.nodes[0]]
    assert back.message.status == best


def test_a_6xx_ends_a_fork() -> None:
    """16.7 step 5: the others are cancelled; the 603 wins over everything."""
    world = World()
    (one, two, three), sent = fork(world)
    world.hear(two, answer(sent[two], 180, tag="p2"))
    world.hear(three, answer(sent[three], 486, tag="p3"))
    out = world.hear(one, answer(sent[one], 603, tag="p1"))
    assert methods(out) == [(one, b"ACK"), (two, b"CANCEL"), (world.nodes[0], 603)]


def test_a_fork_of_which_one_never_answers() -> None:
    """Timer B of one branch; the best of the others is passed then."""
    world = World()
    (one, two, _), sent = fork(world)
    world.hear(one, answer(sent[one], 486, tag="p1"))
    world.hear(two, answer(sent[two], 480, tag="p2"))
    out = world.wait(33)
    finals = [s.message.status for s in out if s.flow is world.nodes[0] and s.message.status >= 200]
    assert finals[0] == 480
    assert set(finals) == {480}, "sent again until the ACK comes"


def test_the_same_200_again_passes() -> None:
    """The 2xx of an INVITE is retransmitted end to end (13.3.1.4), and so is its ACK."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    for _ in range(3):
        (ok,) = world.hear(
            invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>")
        )
        assert (ok.flow, ok.message.status) == (phone, 200)
        target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
        (ack,) = world.hear(
            phone, request("ACK", target, branch="k", to=f"<sip:600@{FRONT}>;tag=n", contact="")
        )
        assert ack.flow is invite.flow


def test_the_same_request_again() -> None:
    """It is absorbed, or its last answer is sent again."""
    world = World()
    phone = world.phone()
    text = request("INVITE", f"sip:600@{FRONT}")
    (invite,) = world.hear(phone, text)
    assert world.hear(phone, text) == []
    assert methods(world.wait(0.2)) == [(phone, 100)]
    (ringing,) = world.hear(invite.flow, answer(invite, 180, tag="n"))
    (again,) = world.hear(phone, text)
    assert again.text == ringing.text


# -- CANCEL ----------------------------------------------------------------------------------------


def test_cancel_after_a_provisional() -> None:
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    text = request(
        "CANCEL",
        f"sip:600@{FRONT}",
        contact="",
        extra='Reason: SIP;cause=200;text="Call completed elsewhere"',
    )
    out = world.hear(phone, text)
    assert methods(out) == [(phone, 200), (invite.flow, b"CANCEL")]
    cancel = out[1].message
    assert cancel.uri == invite.message.uri
    assert cancel.value(h.VIA) == invite.message.value(h.VIA)
    assert cancel.value(h.REASON) == b'SIP;cause=200;text="Call completed elsewhere"'
    assert world.hear(invite.flow, answer(out[1], 200, tag="n")) == []
    out = world.hear(invite.flow, answer(invite, 487, tag="n"))
    assert methods(out) == [(invite.flow, b"ACK"), (phone, 487)]
    assert len(world.engine.shared.legs) == 0


def test_cancel_before_a_provisional() -> None:
    """9.1: it waits for the first one."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    out = world.hear(phone, request("CANCEL", f"sip:600@{FRONT}", contact=""))
    assert methods(out) == [(phone, 200)]
    out = world.hear(invite.flow, answer(invite, 100))
    assert methods(out) == [(invite.flow, b"CANCEL")]


def test_cancel_for_nothing() -> None:
    world = World()
    (no,) = world.hear(world.phone(), request("CANCEL", f"sip:600@{FRONT}", contact=""))
    assert no.message.status == 481


def test_cancel_crossing_the_200() -> None:
    """The 200 wins, and passes: the caller ends the call itself."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    world.hear(phone, request("CANCEL", f"sip:600@{FRONT}", contact=""))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>")
    )
    assert (ok.flow, ok.message.status) == (phone, 200)


def test_cancel_of_a_node_reaches_every_phone() -> None:
    world = World()
    phones, sent = fork(world)
    for phone in phones:
        world.hear(phone, answer(sent[phone], 180, tag="p"))
    out = world.hear(world.nodes[0], node_request("CANCEL", f"sip:1002@{INSIDE}:5062"))
    assert methods(out) == [(world.nodes[0], 200)] + [(phone, b"CANCEL") for phone in phones]
    out = []
    for phone in phones:
        out += world.hear(phone, answer(sent[phone], 487, tag="p"))
    assert methods(out)[-1] == (world.nodes[0], 487)


def test_a_cancelled_branch_that_never_ends() -> None:
    """9.1: 64*T1 after the CANCEL it is over, and the caller hears so."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    world.hear(phone, request("CANCEL", f"sip:600@{FRONT}", contact=""))
    out = [item for item in world.wait(33) if item.flow is phone]
    assert out[0].message.status == 487


def test_timer_c() -> None:
    """A phone that rings for ever is cancelled after three minutes; each 18x starts it anew."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    world.wait(100)
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    assert methods(world.wait(184)) == []
    out = world.wait(2)
    assert (invite.flow, b"CANCEL") in methods(out)
    out = world.hear(invite.flow, answer(invite, 487, tag="n"))
    assert (phone, 487) in methods(out)


# -- methods ---------------------------------------------------------------------------------------

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


def talk(
    world: World, phone: Flow, contact: str = "<sip:1001@198.51.100.7:5060>"
) -> tuple[str, str]:
    """A call that is up: what each side knows of the other."""
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}", contact=contact))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}:5060>")
    )
    inside = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    outside = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(
        phone, request("ACK", outside, branch="ka", to=f"<sip:600@{FRONT}>;tag=n", contact="")
    )
    return inside, outside


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


# -- Record-Route ----------------------------------------------------------------------------------


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


# -- where a request goes --------------------------------------------------------------------------


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


# -- while the pair is in doubt --------------------------------------------------------------------


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


# -- the checks of 16.3 ----------------------------------------------------------------------------


def test_a_loop_is_refused() -> None:
    """RFC 5393: what we sent comes back with our own Via below."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (sent,) = world.hear(world.nodes[0], node_request("INVITE", f"sip:1002@{INSIDE}:5062"))
    data = sent.message.data
    at = data.index(b"Via: ")
    back = data[:at] + b"Via: SIP/2.0/UDP 198.51.100.9:40001;branch=z9hG4bKloop\r\n" + data[at:]
    (no,) = world.hear(phone, back)
    assert no.message.status == 482


def test_max_forwards() -> None:
    world = World()
    text = request("INVITE", f"sip:600@{FRONT}")
    (no,) = world.hear(world.phone(), text.replace("Max-Forwards: 70", "Max-Forwards: 0"))
    assert no.message.status == 483
    (sent,) = world.hear(
        world.phone(), text.replace("Max-Forwards: 70", "Max-Forwards: 1").replace("Kb1", "Kb2")
    )
    assert sent.message.value(h.MAX_FORWARDS) == b"0"
    (sent,) = world.hear(
        world.phone(), text.replace("Max-Forwards: 70\n", "").replace("Kb1", "Kb3")
    )
    assert sent.message.value(h.MAX_FORWARDS) == b"70"


def test_proxy_require() -> None:
    """16.3 step 5: 420 names what is not understood; Require is none of a proxy's business."""
    world = World()
    text = request("INVITE", f"sip:600@{FRONT}", extra="Proxy-Require: foo, bar\nRequire: 100rel")
    (no,) = world.hear(world.phone(), text)
    assert no.message.status == 420
    assert no.message.named(b"unsupported") == [b"foo, bar"]
    (sent,) = world.hear(
        world.phone(), request("INVITE", f"sip:600@{FRONT}", branch="b2", extra="Require: 100rel")
    )
    assert sent.message.value(h.REQUIRE) == b"100rel"


@pytest.mark.parametrize(("uri", "status"), [("http://example.com", 416), ("sip:1@x?a=b", 400)])
def test_strange_request_uris(uri: str, status: int) -> None:
    world = World()
    (no,) = world.hear(world.phone(), request("INVITE", uri, to="<sip:x@example.com>"))
    assert no.message.status == status


# -- trunks ----------------------------------------------------------------------------------------


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
