"""A host of a node is found wherever and however it is written, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.message import Edit, scan
from sipfront.stack.mask import Mask
from tests.stack.world import octets, request

MASK = Mask((b"10.0.0.11", b"10.0.0.12", b"pbx-a.lan", b"[2001:db8::11]"), b"example.com")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"<sip:600@10.0.0.11>", b"<sip:600@example.com>"),
        (b"<sip:600@10.0.0.11:5060;x=1>", b"<sip:600@example.com;x=1>"),
        (b"<sip:10.0.0.12>", b"<sip:example.com>"),
        (b"sip:600@PBX-A.lan", b"sip:600@example.com"),
        (b"<sip:600@[2001:db8::11]:5060>", b"<sip:600@example.com>"),
        (b"<sip:600@[2001:DB8::11]>", b"<sip:600@example.com>"),
        (b'399 10.0.0.11:5060 "no"', b'399 example.com "no"'),
        # A host is exactly that host, never a part of another.
        (b"<sip:600@10.0.0.110>", b"<sip:600@10.0.0.110>"),
        (b"<sip:600@110.0.0.11>", b"<sip:600@110.0.0.11>"),
        (b"<sip:600@10.0.0.11.example.org>", b"<sip:600@10.0.0.11.example.org>"),
        (b"<sip:600@my-pbx-a.lan>", b"<sip:600@my-pbx-a.lan>"),
    ],
)
def test_the_mask(text: bytes, shown: bytes) -> None:
    assert MASK.clean(text) == MASK.pattern.sub(MASK.domain, text) == shown


@pytest.mark.parametrize("host", ["10.0.0.11", "PBX-A.LAN", "[2001:DB8::11]"])
def test_a_host_is_seen_in_any_case(host: str) -> None:
    message = scan(octets(request("INVITE", "sip:1@x", sender=f"<sip:1@{host}>;tag=a")))
    edits: list[Edit] = []
    assert MASK.edits(message, edits) == b"<sip:1@%b>;tag=a" % host.encode()
    assert [text for _, _, text in edits] == [b"<sip:1@example.com>;tag=a"]


@given(
    st.lists(st.sampled_from([b"10.0.0.11", b"PBX-a.lan", b"x", b"<", b">", b":5060", b"."])),
    st.sampled_from([MASK, Mask((b"10.0.0.11",), b"d.example")]),
)
def test_the_quick_look_misses_nothing(pieces: list[bytes], mask: Mask) -> None:
    value = b"".join(pieces)
    assert mask.clean(value) == mask.pattern.sub(mask.domain, value)


def test_without_hosts_nothing_is_masked() -> None:
    assert Mask((), b"example.com").clean(b"sip:a@b") == b"sip:a@b"
