"""Which token stands in a Contact, and what comes back by it."""

from __future__ import annotations

import pytest

from sipfront.sip.errors import Malformed
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


def test_what_is_hidden_again_is_hidden_alike() -> None:
    """What is remembered depends on all that the URI and its token are made of."""
    world = World()
    shared = world.engine.shared
    one, two = world.phone(), world.flows.udp(world.udp, "198.51.100.8", 5062)
    cases = [
        (listener, node, flow, secure, raw)
        for listener in (world.inside, world.udp)
        for node in (0, 1)
        for flow in (None, one, two)
        for secure in (False, True)
        for raw in (PHONE, NODE, b"sip:1001@a.name", b"sip:%7@h", b"mailto:a@b")
    ]

    def hidden(world_: World) -> list[tuple[bytes, bytes]]:
        found = []
        for listener, node, flow, secure, raw in cases:
            hide = Hide(world_.engine.shared, listener, node, flow, secure=secure)
            try:
                new = hide(raw)
            except Malformed:
                new = b""
            found.append((new, hide.token))
        return found

    first = hidden(world)
    assert hidden(world) == first
    assert hidden(World()) == first  # which remembers nothing yet
    assert len(set(first)) > 24
    assert len(shared.named) == 6  # two nodes and three flows, of the Contact with a name


def test_a_token_with_a_name_is_named_again() -> None:
    """The table of names forgets what was not used for longest."""
    world = World()
    shared = world.engine.shared
    hide = Hide(shared, world.udp, 0, None)
    hide(b"sip:x@pbx.local")
    shared.named.remove(hide.token)
    again = Hide(shared, world.udp, 0, None)
    again(b"sip:x@pbx.local")
    assert again.token == hide.token
    assert shared.named.get(again.token) is not None
