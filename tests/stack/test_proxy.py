"""Stories of the proxy core (RFC 3261 section 16): forks, CANCEL, and the checks of 16.3."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from tests.stack.test_front import register
from tests.stack.world import (
    FRONT,
    INSIDE,
    NODE_A,
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


# -- forks --


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


# -- CANCEL --


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


# -- the checks of 16.3 --


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
