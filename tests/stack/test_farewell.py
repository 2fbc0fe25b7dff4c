"""Phones on connections: WebSocket Contacts that lead nowhere, connections that break, and who
comes back."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.sip.uri import Uri
from sipfront.stack import farewell
from sipfront.stack.flows import Flow
from tests.stack.test_registrar import ask, listed, register
from tests.stack.world import INSIDE, NODE_A, Sent, World, answer, request

CONTACT = "<sip:1001@df7jal23ls0d.invalid;transport=ws>"
FROM = "<sip:1002@example.com>;tag=n"


def browser(world: World, port: int = 40000) -> Flow:
    return world.flows.stream(world.ws, "198.51.100.7", port, handle=object())


def gone(world: World, flow: Flow) -> list[Sent]:
    """Its connection broke, as the shell tells it."""
    world.flows.dropped(flow)
    world.engine.lost(flow, world.now, "closed")
    return world.out()


def called(world: World) -> Sent:
    """The node's INVITE to the phone's binding, as it leaves the front."""
    (binding,) = world.engine.shared.bindings
    return world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1001@{INSIDE}:5062;sf={binding.name.decode()}",
            via=f"{NODE_A}:5060",
            branch="in1",
            sender=FROM,
            call_id="call",
            contact=f"<sip:asterisk@{NODE_A}:5060>",
        ),
    )[0]


def up(world: World) -> str:
    """A call from the node to the phone is up; the Contact that the node has for the phone."""
    invite = called(world)
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="p", contact=CONTACT))
    target = Uri.parse((ok.message.value(h.CONTACT) or b"")[1:-1])
    return target.raw.decode()


def within(world: World, method: str, target: str, branch: str = "in2") -> list[Sent]:
    """A request of the node in that dialog."""
    return world.hear(
        world.nodes[0],
        request(
            method,
            target,
            via=f"{NODE_A}:5060",
            branch=branch,
            sender=FROM,
            to="<sip:1001@example.com>;tag=p",
            call_id="call",
            cseq=2,
            contact="",
        ),
    )


def test_a_browser_is_reached_by_its_flow_only() -> None:
    world = World()
    flow = browser(world)
    back = register(world, flow, CONTACT)
    assert back.flow is flow
    assert b"df7jal23ls0d.invalid" in (back.message.value(h.CONTACT) or b"")
    invite = called(world)
    assert invite.flow is flow
    assert invite.message.uri == b"sip:1001@df7jal23ls0d.invalid;transport=ws"
    assert (invite.message.value(h.VIA) or b"").startswith(b"SIP/2.0/WS ")
    assert b";transport=ws" in (invite.message.value(h.CONTACT) or b"")


def test_a_message_without_content_length_goes_on_with_one() -> None:
    """RFC 7118 5: not necessary there, indispensable on a stream."""
    world = World()
    flow = browser(world)
    text = request("MESSAGE", "sip:1002@example.com", contact="", body="hello")
    data = text.replace("\n", "\r\n").encode()
    (sent,) = world.hear(flow, data)
    assert sent.message.value(h.CONTENT_LENGTH) == b"5"
    (back,) = world.hear(world.nodes[0], answer(sent, 200, tag="n").replace("\n", "\r\n").encode())
    assert back.message.value(h.CONTENT_LENGTH) == b"0"


def test_a_broken_connection_makes_the_phone_unreachable_at_once() -> None:
    world = World()
    flow = browser(world)
    register(world, flow, CONTACT)
    assert called(world).flow is flow
    (no,) = gone(world, flow)
    assert (no.flow, no.message.status) == (world.nodes[0], 480)
    world.now += 1
    (binding,) = world.engine.shared.bindings
    uri = f"sip:1001@{INSIDE}:5062;sf={binding.name.decode()}"
    (no,) = world.hear(
        world.nodes[0], request("INVITE", uri, branch="in9", call_id="other", sender=FROM)
    )
    assert no.message.status == 480


def test_dialogs_follow_a_phone_that_comes_back() -> None:
    world = World()
    old = browser(world)
    register(world, old, CONTACT)
    target = up(world)
    gone(world, old)
    (no,) = within(world, "INFO", target)
    assert no.message.status == 480
    new = browser(world, 40001)
    register(world, new, CONTACT)
    (info,) = within(world, "INFO", target, "in3")
    assert info.flow is new
    assert info.message.uri == b"sip:1001@df7jal23ls0d.invalid;transport=ws"


def test_a_phone_that_was_back_before_its_old_connection_broke() -> None:
    """A network change: the old connection hangs until TCP gives it up."""
    world = World()
    old = browser(world)
    register(world, old, CONTACT)
    target = up(world)
    new = browser(world, 40001)
    register(world, new, CONTACT)
    (info,) = within(world, "INFO", target)
    assert info.flow is old
    gone(world, old)
    (info,) = within(world, "INFO", target, "in3")
    assert info.flow is new


def test_what_a_phone_says_by_its_new_connection_moves_the_dialog() -> None:
    world = World()
    old = browser(world)
    register(world, old, CONTACT)
    target = up(world)
    gone(world, old)
    new = browser(world, 40001)
    (sent,) = world.hear(
        new,
        request(
            "INFO",
            f"sip:asterisk@{INSIDE}",
            sender="<sip:1001@example.com>;tag=p",
            to=FROM,
            call_id="call",
            branch="p3",
        ),
    )
    assert sent.flow is world.nodes[0]
    (info,) = within(world, "INFO", target, "in3")
    assert info.flow is new


@pytest.mark.parametrize("late", [10.0, farewell.KEPT + 1])
def test_a_bye_is_answered_and_delivered_when_the_phone_is_back(late: float) -> None:
    world = World()
    old = browser(world)
    register(world, old, CONTACT)
    target = up(world)
    gone(world, old)
    (ok,) = within(world, "BYE", target)
    assert (ok.flow, ok.message.status) == (world.nodes[0], 200)
    assert len(world.engine.shared.legs) == 0
    world.now += late
    new = browser(world, 40001)
    sent: list[Sent] = []
    back = register_all(world, new, sent)
    assert back.message.status == 200
    if late > farewell.KEPT:
        assert sent == []
        return
    (bye,) = sent
    assert (bye.flow, bye.message.method) == (new, b"BYE")
    assert bye.message.uri == b"sip:1001@df7jal23ls0d.invalid;transport=ws"
    assert world.hear(new, answer(bye, 200)) == []
    assert world.wait(40.0) == []
    assert world.engine.counters["bye delivered late"] == 1


def register_all(world: World, flow: Flow, more: list[Sent]) -> Sent:
    """As ``register``; what else goes out with the answer."""
    (sent,) = ask(world, flow, CONTACT)
    back, *rest = world.hear(sent.flow, answer(sent, 200, tag="n", extra=listed(sent)))
    more += rest
    return back


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewell, "MAX_KEPT", 0)
    world = World()
    old = browser(world)
    register(world, old, CONTACT)
    target = up(world)
    gone(world, old)
    (ok,) = within(world, "BYE", target)
    assert ok.message.status == 200
    sent: list[Sent] = []
    register_all(world, browser(world, 40001), sent)
    assert sent == []
