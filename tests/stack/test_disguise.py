"""Which token stands in a Contact, and what comes back by it."""

from __future__ import annotations

import pytest

from sipfront.sip.uri import Uri
from sipfront.stack.disguise import Hide
from sipfront.stack.hiding import PARAM
from sipfront.stack.tagmap import Kept
from tests.stack.world import NODE_B, World


def shown(kept: Kept | None, raw: bytes, *, outside: bool) -> bytes:
    world = World()
    flow = world.phone() if outside else None
    listener = world.inside if outside else world.udp
    token = Uri.parse(Hide(world.engine.shared, listener, 1, flow, kept=kept)(raw)).param(PARAM)
    return (token or b"")[:1]


PHONE, NODE = b"sip:1001@198.51.100.7:5060", b"sip:x@" + NODE_B.encode() + b":5060"


@pytest.mark.parametrize(
    ("kept", "raw", "outside", "kind"),
    [
        (None, PHONE, True, b"d"),
        (None, NODE, False, b"n"),
        (None, b"sip:1001@a.name", True, b"s"),
        (None, b"sip:x@pbx.local", False, b"s"),
        (Kept(b"a", b"a"), PHONE, True, b"d"),  # one name so far
        (Kept(b"a", b"a"), NODE, False, b"n"),
        (Kept(b"a", b"b"), PHONE, True, b"k"),
        (Kept(b"a", b"b"), NODE, False, b"m"),
        (Kept(b"a" * 40, b"b" * 40), PHONE, True, b"d"),  # does not fit
        (Kept(b"a" * 40, b"b" * 40), NODE, False, b"n"),
        (Kept(b"a", b"b"), b"sip:x@pbx.local", False, b"s"),
    ],
)
def test_which_token(kept: Kept | None, raw: bytes, outside: bool, kind: bytes) -> None:
    assert shown(kept, raw, outside=outside) == kind


def test_what_is_no_sip_uri_passes() -> None:
    world = World()
    assert Hide(world.engine.shared, world.udp, 0, None)(b"tel:+49") == b"tel:+49"
