"""What callers outside get, counted once for each call."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.tally import MAX_TIMES, Tally
from tests.stack.test_proxy import node_request
from tests.stack.world import FRONT, INSIDE, NODE_A, World, answer, request

CONTACT = f"<sip:600@{NODE_A}:5060>"


def tally(world: World) -> Tally:
    return world.engine.shared.tally


def test_a_call_that_rings_and_is_answered() -> None:
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}"))
    world.now += 0.05
    world.hear(invite.flow, answer(invite, 180, tag="n", contact=CONTACT))
    assert (tally(world).heard, tally(world).answers) == (1, {})
    world.now += 3.0
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=CONTACT))
    assert tally(world).answers == {200: 1}
    assert list(tally(world).times) == [pytest.approx(0.05)]
    assert tally(world).seconds == pytest.approx(0.05)
    # The 200 is sent again until the ACK comes: that is the same call.
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=CONTACT))
    assert tally(world).answers == {200: 1}


def test_trying_is_not_heard_and_no_answer_is_one() -> None:
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}"))
    world.hear(invite.flow, answer(invite, 100))
    world.wait(0.5)  # the front has said 100 by now
    assert tally(world).heard == 0
    world.hear(invite.flow, answer(invite, 486, tag="n"))
    assert (tally(world).heard, tally(world).answers) == (0, {486: 1})


def test_a_challenge_is_no_answer() -> None:
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}"))
    extra = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    world.hear(invite.flow, answer(invite, 401, tag="n", extra=extra))
    assert tally(world).answers == {}


def test_what_a_node_or_a_dialog_begins_is_no_new_call() -> None:
    world = World()
    world.hear(world.nodes[0], node_request("INVITE", f"sip:nobody@{INSIDE}:5062"))
    assert tally(world).answers == {}
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=CONTACT))
    to = f"<sip:600@{FRONT}>;tag=n"
    contact = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (again,) = world.hear(world.phone(), request("INVITE", contact, branch="b2", cseq=2, to=to))
    world.hear(again.flow, answer(again, 200, contact=CONTACT))
    assert tally(world).answers == {200: 1}


def test_times_are_bounded() -> None:
    assert Tally().times.maxlen == MAX_TIMES
