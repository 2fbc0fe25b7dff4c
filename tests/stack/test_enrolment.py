"""Accounts at trunks as values: what an answer grants, what is kept, and what a row gives back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.message import scan
from sipfront.sip.uri import Uri
from sipfront.stack.enrolment import LEAST, MARGIN, Enrolment, accepted, asked_of, failed
from tests.stack.world import World, octets, request


def made(world: World) -> Enrolment:
    one = world.engine.shared.enrolments.open("carrier", b"4930@carrier.example")
    assert one is not None
    return one


@given(st.integers(1, 100_000))
def test_whoever_takes_over_is_in_time(granted: int) -> None:
    """The standby comes at most its margin after the moment at which the active one would have."""
    one = Enrolment("carrier", b"4930@carrier.example", b"a0", 2)
    one.granted = granted
    shown = max(granted - one.margin, LEAST)
    assert LEAST <= one.margin <= MARGIN
    if granted >= 2 * LEAST:
        assert shown + one.margin <= granted


@pytest.mark.parametrize(
    ("extra", "seconds"),
    [
        ("Contact: <sip:4930@192.0.2.10:5060;sf={token}>;expires=120", 120),
        ("Contact: <sip:4930@192.0.2.10:5060;sf={token}>\nExpires: 90", 90),
        ("Contact: <sip:4930@192.0.2.10>;expires=70", 70),
        ("Contact: <sip:4930@192.0.2.10>;expires=70\nContact: <sip:other@x>\nExpires: 80", 80),
        ("Contact: <sip:4930@192.0.2.10>;expires=soon", 600),
        ("Contact: <nonsense", 600),
        ("", 600),
    ],
)
def test_what_a_carrier_grants(extra: str, seconds: int) -> None:
    world = World()
    one = made(world)
    lines = extra.format(token=one.token.decode())
    text = (
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP x\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\n"
        f"Call-ID: c\nCSeq: 1 REGISTER\n{lines}\n\n"
    ).replace("\n\n\n", "\n\n")
    assert accepted(one, scan(octets(text)), 600, world.carrier, world.now)
    assert (one.granted, one.expires) == (seconds, world.now + seconds)


@pytest.mark.parametrize(
    ("contact", "extra", "expected"),
    [
        ("<sip:s@10.0.0.11>;expires=60", "Expires: 90", (b"sip:s@10.0.0.11", 60)),
        ("<sip:s@10.0.0.11>", "Expires: 90", (b"sip:s@10.0.0.11", 90)),
        ("<sip:s@10.0.0.11>", "", (b"sip:s@10.0.0.11", 3600)),
        ("*", "Expires: 0", (b"*", 0)),
        ("", "", (b"", 3600)),
    ],
)
def test_what_a_node_asks(contact: str, extra: str, expected: tuple[bytes, int]) -> None:
    text = request("REGISTER", "sip:carrier.example", contact=contact, extra=extra)
    assert asked_of(scan(octets(text))) == expected


def test_a_failure_is_news_once() -> None:
    one = made(World())
    assert failed(one, 503)
    assert not failed(one, 503)
    assert failed(one, 0, "no answer")
    assert (one.status, one.why) == (0, "no answer")


def test_the_uri_of_a_node_with_and_without_a_port() -> None:
    one = Enrolment("carrier", b"4930@carrier.example", b"a0", 2)
    uri = Uri.parse(b"sip:0170@192.0.2.10")
    assert one.target(0, uri) == b""
    one.contacts = [b"sip:s@10.0.0.11:5060;line=x", b"sip:s@10.0.0.12"]
    assert one.target(0, uri) == b"sip:0170@10.0.0.11:5060;line=x"
    assert one.target(1, uri) == b"sip:0170@10.0.0.12"
    assert one.target(1, Uri.parse(b"sip:4930@192.0.2.10")) == b"sip:s@10.0.0.12"
    assert one.target(1, Uri.parse(b"sip:192.0.2.10")) == b"sip:s@10.0.0.12"


def test_a_row_gives_it_back() -> None:
    one = Enrolment("carrier", b"4930@carrier.example", b"a0", 2)
    one.contacts = [b"sip:s@10.0.0.11", b""]
    one.until = [50.0, 0.0]
    one.cseq, one.granted, one.expires = 7, 600, 99.0
    row = one.stored(1000.0)
    again = Enrolment.restored(b"a0", row, 1010.0)
    assert again.until == [40.0, 0.0]
    assert (again.expires, again.contacts, again.user) == (89.0, one.contacts, b"4930")
    with pytest.raises(ValueError, match="row"):
        Enrolment.restored(b"a0", (*row[:2], (), *row[3:]), 0.0)


def test_the_table_finds_by_token_by_user_and_the_only_one() -> None:
    world = World()
    table = world.engine.shared.enrolments
    one = made(world)
    assert table.called("carrier", None, b"anything") is one
    two = table.open("carrier", b"4940@carrier.example")
    assert two is not None
    assert table.called("carrier", None, b"4940") is two
    assert table.called("carrier", None, b"anything") is None
    assert table.called("carrier", two.token, b"4930") is two
    assert table.called("other", two.token, b"4930") is None
    table.track()
    table.touch(one)
    assert table.changes() == {one.token: one}
    table.remove(two)
    assert table.changes() == {two.token: None}
    assert table.changes() == {}
    assert not table.put(Enrolment("carrier", b"x@y", b"a1", 3))
