"""The engine's side of rescue: what it shows, and that kept calls outlive the front."""

from __future__ import annotations

from dataclasses import replace

from sipfront.sip import headers as h
from tests.runtime.lives import Kept, begun
from tests.stack.kept import KeptCall, sdp, up
from tests.stack.world import NODE_A, World, answer


def restarted(call: KeptCall, store: Kept) -> KeptCall:
    """The same phones before a front that knows only the store."""
    new = World(now=call.world.now + 3.0)
    begun(new, store)
    a, b = (replace(old, world=new, flow=new.phone(old.flow.host)) for old in (call.a, call.b))
    return KeptCall(new, a, b)


def test_what_ended_a_moment_ago() -> None:
    call = up()
    call.world.wait(1)
    (bye,) = call.a.asks("BYE")
    call.world.hear(bye.flow, answer(bye, 200))
    care = call.world.engine.care
    (gone,) = care.just_ended(call.world.now)
    assert gone.party == (b"call-a", b"a")
    assert b"198.51.100.9" in gone.inside_sdp
    assert care.just_ended(call.world.now + 100) == []
    assert care.hosts(0) == (NODE_A.encode(),)
    assert len(care.live()) == 1


def test_a_kept_call_outlives_the_front() -> None:
    """kill -9 after the verdict: it is hung up, held and refreshed as before; CSeq jumps by 100."""
    call, store = up(expires_b="Session-Expires: 90;refresher=uac"), Kept()
    saving = begun(call.world, store)
    for leg in call.world.engine.shared.legs:
        call.world.engine.shared.legs.refreshed(leg)
    call.die()
    saving.save()
    call = restarted(call, store)
    a, b = call.legs
    assert a.joined is b
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2, more="\na=sendonly"))
    assert (invite.flow, invite.message.cseq) == (call.b.flow, 103)
    (ok,) = call.b.says(invite, 200, sdp("198.51.100.9", 5000, version=2))
    assert ok.message.status == 200
    call.a.asks("ACK", cseq=call.a.cseq)
    (update,) = call.wait(47)
    assert (update.flow, update.message.method) == (call.b.flow, b"UPDATE")
    ok, bye = call.b.asks("BYE")
    assert (bye.flow, bye.message.value(h.REASON) is not None) == (call.a.flow, True)
    assert bye.message.cseq == 102 + 100 + 1


def test_a_call_whose_node_dies_while_the_front_is_away() -> None:
    """The descriptions of the store are enough to keep it."""
    call, store = up(), Kept()
    saving = begun(call.world, store)
    for leg in call.world.engine.shared.legs:
        call.world.engine.shared.legs.refreshed(leg)
    saving.save()
    call = restarted(call, store)
    assert call.die() == []
    assert call.b.asks("BYE")[1].flow is call.a.flow
