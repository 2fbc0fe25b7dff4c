"""Dialogs that nobody ended are forgotten, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.sip import headers as h
from sipfront.stack.lifetime import GRACE
from sipfront.stack.settings import Limits
from tests.stack.world import NODE_A, World, answer, request


def call(world: World, extra: str = "") -> str:
    """A call that is up; where the phone reaches the node."""
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:x@{NODE_A}>", extra=extra)
    )
    return (ok.message.value(h.CONTACT) or b"").decode().strip("<>")


def test_a_call_whose_refresh_never_came() -> None:
    """The session timer, and a grace; then a node that drains is free of it."""
    world = World()
    call(world, "Session-Expires: 90;refresher=uas")
    legs = world.engine.shared.legs
    world.wait(90 + GRACE - 2)
    assert legs.owned == [1, 0]
    world.wait(5)
    assert (legs.owned, len(legs)) == ([0, 0], 0)
    assert world.engine.counters["dialogs swept"] == 1
    assert world.engine.next_deadline() is None  # nothing to look at


def test_a_refresh_keeps_it() -> None:
    world = World()
    target = call(world, "Session-Expires: 90;refresher=uac")
    for number in range(3):
        world.wait(80)
        (update,) = world.hear(
            world.phone(),
            request(
                "UPDATE",
                target,
                branch=f"u{number}",
                to="<sip:1002@example.com>;tag=n",
                cseq=2 + number,
                extra="Session-Expires: 90;refresher=uac",
            ),
        )
        world.hear(update.flow, answer(update, 200, extra="Session-Expires: 90;refresher=uac"))
    assert world.engine.shared.legs.owned == [1, 0]


def test_a_call_without_a_timer_ends_after_a_day_of_silence() -> None:
    world = World()
    world.settings = replace(world.settings, limits=Limits(dialog_age=1000.0))  # type: ignore[type-var]
    world.__post_init__()
    call(world)
    world.wait(990)
    assert len(world.engine.shared.legs) == 1
    world.wait(15)
    assert len(world.engine.shared.legs) == 0


@pytest.mark.parametrize(
    ("asked", "granted", "lasts"), [("300", "120", 120), ("300", "", 300), ("", "", 3600)]
)
def test_a_subscription_that_was_not_renewed(asked: str, granted: str, lasts: int) -> None:
    """RFC 6665 4.1.2.3: what the 2xx grants; else what was asked for."""
    world = World()
    expires = f"\nExpires: {asked}" if asked else ""
    (sub,) = world.hear(
        world.phone(), request("SUBSCRIBE", "sip:1002@example.com", extra="Event: dialog" + expires)
    )
    extra = f"Expires: {granted}" if granted else ""
    world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:x@{NODE_A}>", extra=extra))
    world.wait(lasts + GRACE - 3)
    assert len(world.engine.shared.legs) == 1
    world.wait(6)
    assert len(world.engine.shared.legs) == 0


def test_a_notify_may_shorten_it() -> None:
    """RFC 6665 4.1.3: expires in Subscription-State."""
    world = World()
    (sub,) = world.hear(
        world.phone(),
        request("SUBSCRIBE", "sip:1002@example.com", extra="Event: dialog\nExpires: 600"),
    )
    target = (sub.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:x@{NODE_A}>"))
    (notify,) = world.hear(
        world.nodes[0],
        request(
            "NOTIFY",
            target,
            via=f"{NODE_A}:5060",
            sender="<sip:1002@example.com>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            contact=f"<sip:x@{NODE_A}>",
            extra="Event: dialog\nSubscription-State: active; expires=30",
        ),
    )
    world.hear(notify.flow, answer(notify, 200))
    world.wait(30 + GRACE + 3)
    assert len(world.engine.shared.legs) == 0
