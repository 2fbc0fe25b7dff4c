"""The active PBX dies, freezes or is left in the middle of everything; people go on calling.

Times are printed, not judged tightly: this machine is busy.  What is judged is that nothing fails
and that everybody still hears everybody.
"""

from __future__ import annotations

import asyncio
import time

from tests.lab.conftest import Pair, Phones
from tests.lab.scenes import answered, hear, over, talk

#: A freeze is decided one second after the first unanswered request, on an idle machine.
FREEZE = 4.0


async def test_kill_then_everybody_calls_everybody(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002", "tls")
    carrier = await phones.carrier()
    there, here = await answered(one, "1002", other)
    await over(there, here)
    pair.a.kill()
    begun = time.monotonic()
    call = await one.call("601")
    await call.confirmed()
    print(f"first call after the kill answered after {time.monotonic() - begun:.3f} s")
    await call.hears(1004)
    await over(call)
    await phones.front.until_active("pbx-b")
    # The phones' registrations are on the dead node; permanent contacts lead to them all the same.
    for caller, to, callee in (
        (one, "1002", other),
        (other, "1001", one),
        (carrier, "sip:1002@127.0.0.10:5060", other),
        (other, "900123", carrier),
    ):
        there, here = await answered(caller, to, callee)
        await over(there, here)
    # The dead node comes back, as a standby: nothing moves by itself.
    await pair.a.start()
    call = await one.call("601")
    await call.confirmed()
    await call.hears(1004)
    assert (await phones.front.status())["active"] == "pbx-b"
    assert await pair.a.channels() == []
    await over(call)
    await one.register()


async def test_kill_while_it_rings(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    there = await one.call("1002")
    await other.incoming()
    await there.state("EARLY")
    mark = other.mark()
    pair.a.kill()
    here = await other.incoming(since=mark)
    await here.answer()
    await talk(there, here)
    await over(there, here)


async def test_freeze_then_everybody_calls_everybody(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002", "tcp")
    pair.a.freeze()
    begun = time.monotonic()
    there, here = await answered(one, "1002", other)
    print(f"first call after the freeze answered after {time.monotonic() - begun:.3f} s")
    await phones.front.until_active("pbx-b", FREEZE)
    await over(there, here)
    there, here = await answered(other, "1001", one)
    await over(here, there)


async def test_a_stunned_node_keeps_its_calls(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    there, here = await answered(one, "1002", other)
    pair.a.freeze()
    await asyncio.sleep(3)  # the fault itself: three seconds of a stunned machine
    pair.a.thaw()
    await hear(there, here)
    # Whoever is active now: the old call is in order at its owner, and new ones work.
    await here.hold()
    await there.hears(700)
    await here.resume()
    await hear(there, here)
    call = await one.call("601")
    await call.confirmed()
    await call.hears(1004)
    await over(call)
    await over(there, here)


async def test_switch_over_loses_nothing(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    third = await phones.registered("1003")
    carrier = await phones.carrier()
    first, first_here = await answered(one, "1003", third)
    ivr = await carrier.call("sip:603@127.0.0.10:5060")
    await ivr.confirmed()
    await ivr.hears(600)
    done = await phones.front.switchover("pbx-b", force=True)
    assert "error" not in done, done
    await phones.front.until_active("pbx-b")
    # A caller in the IVR of the old node reaches a phone ...
    await ivr.digits("1")
    here = await other.incoming()
    await here.answer()
    await talk(ivr, here)
    await over(ivr, here)
    # ... a party of an old call is transferred there, and hears its new peer ...
    mark = other.mark()
    await first_here.transfer("sip:1002@example.com")
    new = await other.incoming(since=mark)
    await new.answer()
    await new.confirmed()
    await hear(first, new)
    # ... new calls are the new node's ...
    call = await one.call("601")
    await call.confirmed()
    assert len(await pair.b.channels()) == 1
    await over(call)
    # ... and the old call ended on the old node.
    assert await pair.a.channels()
    await over(first, new)
    await pair.a.idle()
