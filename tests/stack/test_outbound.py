"""RFC 5626 towards phones: what a REGISTER is told, and keep-alives that are asked for (RFC 6223)."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.outbound import instance
from tests.stack.test_registrar import ask, listed, shown
from tests.stack.world import Sent, World, answer, request

URN = '"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
CONTACT = f"<sip:1001@198.51.100.7:40000;transport=tcp;ob>;reg-id=1;+sip.instance={URN}"


def tcp(world: World, port: int = 40000) -> Flow:
    return world.flows.stream(world.tcp, "198.51.100.7", port, handle=object())


def registered(
    world: World,
    flow: Flow,
    contact: str = CONTACT,
    *,
    extra: str = "Supported: path, outbound",
    said: str = "",
) -> Sent:
    """A phone registers; the node does not know RFC 5626, unless it ``said`` so."""
    (sent,) = ask(world, flow, contact, extra=extra)
    grant = listed(sent, expires=900)  # without the parameters of the phone
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=grant + said))
    return back


def told(back: Sent) -> tuple[list[bytes], list[bytes]]:
    return back.message.values(h.REQUIRE), back.message.named(b"flow-timer")


def test_the_front_says_outbound_for_a_node_that_does_not() -> None:
    world = World()
    back = registered(world, tcp(world))
    assert told(back) == ([b"outbound"], [b"120"])
    (value,) = shown(back)
    assert ";reg-id=1" in value
    assert f";+sip.instance={URN}" in value
    assert value.startswith("<sip:1001@198.51.100.7:40000;transport=tcp;ob>")


def test_over_udp_more_often() -> None:
    world = World()
    assert told(registered(world, world.phone())) == ([b"outbound"], [b"29"])


def test_what_the_node_says_itself_is_not_said_twice() -> None:
    world = World()
    back = registered(world, tcp(world), said="\nRequire: outbound\nFlow-Timer: 99")
    assert told(back) == ([b"outbound"], [b"99"])


def test_a_refresh_that_is_answered_here_says_the_same() -> None:
    world = World()
    flow = tcp(world)
    registered(world, flow, CONTACT + ";expires=100")
    (back,) = ask(world, flow, CONTACT + ";expires=100", extra="Supported: path, outbound")
    assert back.flow is flow, "answered here"
    assert told(back) == ([b"outbound"], [b"120"])


@pytest.mark.parametrize(
    ("contact", "extra"),
    [
        (CONTACT, "Supported: path"),
        (CONTACT, "Supported: path, outbounds"),
        (CONTACT.replace("reg-id=1", "q=1"), "Supported: outbound"),
        ("<sip:1001@198.51.100.7:40000>;reg-id=1", "Supported: outbound"),
        (CONTACT, "Supported: outbound\nVia: SIP/2.0/TCP 192.168.1.1;branch=z9hG4bKp"),
    ],
)
def test_who_does_not_ask_for_it_is_not_told(contact: str, extra: str) -> None:
    world = World()
    assert told(registered(world, tcp(world), contact, extra=extra)) == ([], [])


def test_several_contacts_with_a_reg_id_are_400() -> None:
    world = World()
    other = CONTACT.replace("40000", "40001").replace("reg-id=1", "reg-id=2")
    (no,) = ask(world, tcp(world), CONTACT, other, extra="Supported: outbound")
    assert no.message.status == 400
    (sent,) = ask(world, tcp(world), CONTACT, other + ";expires=0", extra="Supported: outbound")
    assert sent.message.method == b"REGISTER"


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_keep_alives_are_agreed_on(kind: str) -> None:
    """RFC 6223 4.4: the parameter gets its value in the answers, and goes no further."""
    world = World()
    flow = world.phone() if kind == "udp" else tcp(world)
    text = request("INVITE", "sip:600@example.com").replace(";rport", ";rport;keep", 1)
    (sent,) = world.hear(flow, text)
    assert b"keep" not in sent.message.data
    (back,) = world.hear(sent.flow, answer(sent, 180, tag="n"))
    via = back.message.value(h.VIA) or b""
    assert (b";keep=29" if kind == "udp" else b";keep=120") in via


@pytest.mark.parametrize("keep", [";keep=7", ""])
def test_nothing_is_said_about_what_was_not_offered(keep: str) -> None:
    world = World()
    text = request("REGISTER", "sip:example.com", to="<sip:1001@example.com>")
    (sent,) = world.hear(world.phone(), text.replace(";rport", f";rport{keep}", 1))
    (back,) = world.hear(sent.flow, answer(sent, 401, tag="n"))
    via = (back.message.value(h.VIA) or b"").decode()
    assert via.count("keep") == bool(keep)
    assert keep in via


def test_other_methods_keep_nothing_alive() -> None:
    world = World()
    text = request("OPTIONS", "sip:600@example.com").replace(";rport", ";rport;keep", 1)
    (sent,) = world.hear(world.phone(), text)
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n"))
    assert b";keep;" in (back.message.value(h.VIA) or b"") + b";"
    assert b"keep=" not in back.message.data


def test_the_instance_of_a_binding() -> None:
    world = World()
    registered(world, tcp(world))
    (binding,) = world.engine.shared.bindings
    assert instance(binding) == URN.encode()
    binding.params = b";q=1"
    assert instance(binding) == b""
