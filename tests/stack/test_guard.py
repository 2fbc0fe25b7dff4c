"""Who is banned, for how long; and which node issued a nonce."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.stack import guard
from sipfront.stack.guard import NONCE_LIFE, Guard, Nonces, nonce_of
from sipfront.stack.notices import Rejected
from sipfront.stack.settings import Limits
from tests.stack.world import CARRIER, World, answer, request


@pytest.mark.parametrize(
    ("value", "nonce"),
    [
        (b'Digest realm="r", nonce="abc"', b"abc"),
        (b'Digest nonce="abc",realm="r"', b"abc"),
        (b'Digest cnonce="no", nonce="abc"', b"abc"),
        (b'Digest cnonce="no",nonce=abc,qop=auth', b"abc"),
        (b'Digest cnonce="no"', b""),
        (b"Basic xyz", b""),
        (b"", b""),
        (b"nonce=", b""),
    ],
)
def test_the_nonce_of_a_header(value: bytes, nonce: bytes) -> None:
    assert nonce_of(value) == nonce


@given(st.binary(max_size=60))
def test_any_octets_are_looked_at(value: bytes) -> None:
    nonce_of(value)
    nonce_of(b"Digest nonce=" + value)


def test_nonces_live_for_their_time() -> None:
    nonces = Nonces()
    nonces.issued(b"n", 1, 100.0)
    assert nonces.issuer(b"n", 100.0 + NONCE_LIFE - 0.1) == 1
    assert nonces.issuer(b"n", 100.0 + NONCE_LIFE) is None
    assert nonces.issuer(b"unknown", 100.0) is None
    nonces.issued(b"m", 0, 300.0)
    assert len(nonces) == 1, "the old one is swept out"


def test_nonces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_NONCES", 3)
    nonces = Nonces()
    for number in range(5):
        nonces.issued(b"%d" % number, 0, 1.0)
    assert len(nonces) == 3
    assert nonces.issuer(b"4", 1.0) == 0
    assert nonces.issuer(b"0", 1.0) is None


LIMITS = Limits(refused_per_source=3, refused_per_aor=5, window=60.0, ban=300.0)


def test_a_ban_and_its_end() -> None:
    keeper = Guard(LIMITS)
    assert [keeper.refused("198.51.100.1", "a", 10.0) for _ in range(3)] == [False, False, True]
    assert keeper.banned("198.51.100.1", 10.0)
    assert not keeper.banned("198.51.100.2", 10.0)
    assert keeper.banned("198.51.100.1", 309.0)
    assert not keeper.banned("198.51.100.1", 310.0)


def test_slow_mistakes_are_no_attack() -> None:
    keeper = Guard(LIMITS)
    assert not any(keeper.refused("198.51.100.1", "", 40.0 * n) for n in range(20))


def test_many_sources_at_one_address_of_record() -> None:
    keeper = Guard(LIMITS)
    got = [keeper.refused(f"198.51.100.{n}", "1001@example.com", 10.0) for n in range(5)]
    assert got == [False] * 4 + [True]
    assert keeper.banned("aor 1001@example.com", 10.0)


def test_right_credentials_forgive_the_source() -> None:
    keeper = Guard(LIMITS)
    keeper.refused("198.51.100.1", "", 1.0)
    keeper.refused("198.51.100.1", "", 1.0)
    keeper.accepted("198.51.100.1")
    keeper.accepted("198.51.100.99")
    assert not keeper.refused("198.51.100.1", "", 1.0)


def test_counted_sources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_COUNTED", 10)
    keeper = Guard(LIMITS)
    for number in range(100):
        keeper.refused(f"source {number}", "", 1.0)
    assert len(keeper._counts) <= 10


PROOF = 'Authorization: Digest username="1001", realm="r", nonce="n", uri="sip:x", response="0"'


def fail(world: World, number: int, host: str = "198.51.100.7") -> bool:
    """One REGISTER with wrong credentials; whether it was answered."""
    flow = world.phone(host)
    out = world.hear(
        flow,
        request(
            "REGISTER",
            "sip:example.com",
            branch=f"g{number}",
            to="<sip:1001@example.com>",
            call_id=f"g{number}",
            extra=PROOF,
        ),
    )
    if not out or out[0].message.status:
        return False
    world.hear(out[0].flow, answer(out[0], 403, tag="x"))
    return True


def test_a_banned_source_hears_nothing() -> None:
    """But for emergencies; and the line that fail2ban reads says so."""
    world = World()
    answered = [fail(world, number) for number in range(12)]
    assert answered == [True] * 10 + [False] * 2
    told = [notice for notice in world.log if isinstance(notice, Rejected)]
    assert [notice.banned for notice in told] == [False] * 9 + [True]
    assert {(notice.host, notice.aor) for notice in told} == {("198.51.100.7", "1001@example.com")}
    phone = world.phone()
    assert world.hear(phone, request("INVITE", "sip:600@example.com", branch="x")) == []
    (call,) = world.hear(phone, request("INVITE", "sip:112@example.com", branch="y", call_id="y"))
    assert call.flow is world.nodes[0]
    world.hear(call.flow, answer(call, 486, tag="x"))
    world.wait(400)
    assert fail(world, 99)


def test_a_trunk_is_never_banned() -> None:
    """A wrong extension dialled by the world is no attack of the carrier."""
    world = World()
    assert all(fail(world, number, CARRIER) for number in range(15))
