"""What two ends agreed outlives the front, and so do calls that went on without their node."""

from __future__ import annotations

from sipfront.runtime.persist import pack, unpack
from sipfront.stack.session import Session
from tests.runtime.lives import Kept, again, begun, leg
from tests.runtime.test_persist import FULL
from tests.stack.world import World


def agreed(number: int) -> Session:
    """A session with a value of its own in every slot."""
    made = Session()
    for at, name in enumerate(Session.__slots__):
        value = getattr(made, name)
        if isinstance(value, bytes):
            setattr(made, name, b"%d %s" % (number, name.encode()))
        elif not isinstance(value, bool):
            setattr(made, name, type(value)(100 * number + at))
    made.asker = bool(number % 2)
    return made


def test_what_the_ends_agreed_and_who_goes_on_with_whom_comes_back() -> None:
    """Times are moved to the clock of the new process; a partner that is gone is not missed."""
    world, store = World(), Kept()
    saving = begun(world, store)
    legs = world.engine.shared.legs
    made = [leg(number, world.phone(), 0, **FULL) for number in range(5)]
    for number, one in enumerate(made):
        one.session, one.seen, one.until = agreed(number + 1), 900.0 + number, 2000.0
        legs.add(one)
        legs.confirm(one)
    legs.join(made[0], made[1])
    legs.join(made[2], made[3])
    assert (legs.owned, legs.joined) == ([1, 0], 4)
    saving.save()
    del store.rows["leg", made[3].key]
    new, loaded = again(world, store)
    found = {known.key: known for known in new.engine.shared.legs}
    assert (new.engine.shared.legs.owned, new.engine.shared.legs.joined) == ([2, 0], 2)
    assert found[made[0].key].joined is found[made[1].key]
    assert found[made[1].key].joined is found[made[0].key]
    assert found[made[2].key].joined is None
    for number in (0, 1, 2, 4):
        old, one = made[number], found[made[number].key]
        assert (one.seen, one.until) == (old.seen, old.until)
        for name in Session.__slots__:
            assert getattr(one.session, name) == getattr(old.session, name), name
    assert loaded.dropped == 0


def test_rows_of_the_first_version_are_read() -> None:
    """Their dialogs are known, without what nobody noted then."""
    world, store = World(), Kept()
    saving = begun(world, store)
    legs = world.engine.shared.legs
    made = leg(1, world.phone(), 0, **FULL)
    made.session, made.seen = agreed(1), 5.0
    legs.add(made)
    legs.confirm(made)
    saving.save()
    (name,) = store.rows
    store.rows[name] = pack(unpack(store.rows[name])[:-4])
    new, loaded = again(world, store)
    (found,) = new.engine.shared.legs
    assert (found.session, found.seen, found.joined) == (None, 0.0, None)
    assert (loaded.legs, loaded.dropped) == (1, 0)
