"""What people do with calls that are up: hold, transfer, call waiting; proved by ear."""

from __future__ import annotations

from tests.lab.conftest import Phones
from tests.lab.scenes import answered, hear, over, talk


async def test_hold_and_resume(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002", "tls")
    there, here = await answered(one, "1002", other)
    await there.hold()
    await here.hears(700)
    await there.resume()
    await hear(there, here)
    await here.hold()
    await there.hears(700)
    await here.resume()
    await hear(there, here)
    await over(here, there)


async def test_call_waiting(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    third = await phones.registered("1003")
    first, first_here = await answered(one, "1002", other)
    mark = other.mark()
    second = await third.call("1002")
    second_here = await other.incoming(since=mark)
    await second.state("EARLY")
    await first_here.hold()
    await first.hears(700)
    await second_here.answer()
    await talk(second, second_here)
    await over(second, second_here)
    await first_here.resume()
    await hear(first, first_here)
    await over(first, first_here)


async def test_blind_transfer(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002", "tcp")
    third = await phones.registered("1003")
    there, here = await answered(one, "1002", other)
    await here.transfer("sip:1003@example.com")
    new = await third.incoming()
    await new.answer()
    await new.confirmed()
    await here.ended()
    await hear(there, new)
    await over(new, there)


async def test_blind_transfer_of_the_trunk(phones: Phones) -> None:
    carrier = await phones.carrier()
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    there, here = await answered(carrier, "sip:1001@127.0.0.10:5060", one)
    await here.transfer("sip:1002@example.com")
    new = await other.incoming()
    await new.answer()
    await new.confirmed()
    await hear(there, new)
    await over(there, new)


async def test_attended_transfer(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    third = await phones.registered("1003")
    first, first_here = await answered(one, "1002", other)
    await first_here.hold()
    second_here, second = await answered(other, "1003", third)
    await first_here.attended(second_here)
    await first_here.ended()
    await second_here.ended()
    await hear(first, second)
    await over(first, second)


async def test_attended_transfer_with_one_call_on_each_node(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    third = await phones.registered("1003")
    first, first_here = await answered(one, "1002", other)
    await first_here.hold()
    done = await phones.front.switchover("pbx-b", force=True)
    assert "error" not in done, done
    await phones.front.until_active("pbx-b")
    second_here, second = await answered(other, "1003", third)
    await first_here.attended(second_here)
    await hear(first, second)
    await over(first, second)
