"""Registrations outlive the front: both clocks, and everything that lets a refresh be answered."""

from __future__ import annotations

from sipfront.stack.bindings import Binding
from tests.runtime.lives import Kept, again, begun
from tests.stack.phones import Phone, reachable, told, world
from tests.stack.world import World

#: What is made anew, or means something to this process only.
OF_THIS_PROCESS = {"due", "flow", "held", "expires", "remade", "seen"}


def test_every_field_of_a_binding_comes_back() -> None:
    one, store = World(), Kept()
    saving = begun(one, store)
    binding = Binding(b"b1", b"1001@example.com", b"sip:1001@192.168.1.5", one.phone())
    binding.expires = one.now + 100
    binding.held = [one.now + 500, 0.0]
    binding.granted = [600, 0]
    binding.cseq, binding.number, binding.agreed = 77, 12, 120
    binding.user_agent, binding.call_id, binding.user = b"phone/1", b"c@1", b"1001"
    binding.params, binding.shown = b";q=0.5", b";pub-gruu=x"
    binding.also, binding.uri, binding.to = b"Flow-Timer: 90\r\n", b"sip:example.com", b"sips:x@y"
    binding.local = binding.doubted = True
    one.engine.shared.bindings.put(binding)
    saving.save()
    new, loaded = again(one, store)
    (found,) = new.engine.shared.bindings
    late = one.now + 100 - found.expires
    for name in set(Binding.__slots__) - OF_THIS_PROCESS:
        assert getattr(found, name) == getattr(binding, name), name
    assert found.held == [binding.held[0] - late, 0.0]
    assert (loaded.bindings, loaded.dropped) == (1, 0)


def test_a_phone_goes_on_as_if_nothing_had_been() -> None:
    """Its refresh is answered here, under the same rules, and it can be called."""
    one, store = world(phone_expiry=120), Kept()
    saving = begun(one, store)
    phone = Phone(one)
    phone.register()
    saving.save()
    one.wait(20)
    phone.ask()
    saving.save()
    new = World(now=one.now + 5, settings=one.settings)
    begun(new, store)
    phone.world, phone.flow = new, new.phone()
    assert reachable(new, phone)
    phone.cseq -= 1
    (back,) = phone.ask()
    assert back.message.status == 500, "its CSeq is remembered too"
    (back,) = phone.ask()
    assert told(back) == 120
    assert new.engine.counters["refreshes answered here"] == 1
