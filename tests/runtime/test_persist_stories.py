"""Stories of a front that was restarted: calls are hung up, held, and phones are called."""

from __future__ import annotations

import pytest

from sipfront.runtime.leg_rows import CSEQ_JUMP
from sipfront.sip import headers as h
from tests.runtime.lives import Kept, again, begun, call_up
from tests.stack.test_front import register
from tests.stack.world import NODE_A, World, answer, request


@pytest.mark.parametrize("contact", ["", "<sip:1001@pc.example.org:5066>"])
@pytest.mark.parametrize("by_phone", [True, False])
def test_a_call_is_hung_up_after_a_restart(contact: str, by_phone: bool) -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    for_phone, for_node = call_up(world, contact)
    saving.save()
    new, _ = again(world, store)
    if by_phone:
        to = "<sip:600@192.0.2.10>;tag=n"
        bye = request("BYE", for_phone, branch="b3", to=to, cseq=2, contact="")
        (out,) = new.hear(new.phone(), bye)
        assert (out.to, out.message.uri) == (NODE_A, b"sip:600@pbx.local")
    else:
        bye = request(
            "BYE", for_node, via=f"{NODE_A}:5060", branch="n1",
            sender="<sip:600@192.0.2.10>;tag=n", to="<sip:1001@example.com>;tag=a", contact="",
        )  # fmt: skip
        (out,) = new.hear(new.nodes[0], bye)
        assert out.flow is new.phone()
        assert out.message.uri.startswith(b"sip:1001@")
    (done,) = new.hear(out.flow, answer(out, 200))
    assert done.message.status == 200
    assert len(new.engine.shared.legs) == 0


def test_a_hold_is_saved_with_its_new_target() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    for_phone, _ = call_up(world)
    saving.save()
    moved = request(
        "INVITE", for_phone, branch="b4", to="<sip:600@192.0.2.10>;tag=n", cseq=2,
        contact="<sip:1001@198.51.100.7:5099>",
    )  # fmt: skip
    (out,) = world.hear(world.phone(), moved)
    saving.save()
    world.hear(out.flow, answer(out, 200, contact="<sip:600@other.pbx.local>"))
    saving.save()
    new, _ = again(world, store)
    (known,) = new.engine.shared.legs
    assert known.outside_target == b"sip:1001@198.51.100.7:5099"
    assert known.inside_target == b"sip:600@other.pbx.local"
    assert known.outside_cseq == 2 + CSEQ_JUMP


def test_a_phone_can_be_called_after_a_restart() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    sent, _ = register(world, world.phone(), "sip:1001@198.51.100.7:5060")
    saving.save()
    new, _ = again(world, store)
    value = sent.message.value(h.CONTACT)
    assert value is not None
    target = value.decode().split(">")[0].strip("<")
    invite = request(
        "INVITE", target, via=f"{NODE_A}:5060", sender="<sip:600@192.0.2.10>;tag=n",
        contact=f"<sip:600@{NODE_A}:5060>", call_id="c9",
    )  # fmt: skip
    (out,) = new.hear(new.nodes[0], invite)
    assert out.flow is new.phone()
    assert out.message.uri == b"sip:1001@198.51.100.7:5060"
