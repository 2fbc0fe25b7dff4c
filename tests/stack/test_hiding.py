"""Tokens: what they carry, that nobody else can make them, and that they fit."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.sip.uri import Uri
from sipfront.stack.flows import Flow, Listener, Transport
from sipfront.stack.forward import MAX_URI, hidden
from sipfront.stack.hiding import (
    CACHE,
    MAX_TOKEN,
    NAMED,
    PARAM,
    NodeTarget,
    OutsideTarget,
    Tokens,
    literal,
)
from tests.stack.world import FRONT, INSIDE, NODE_A, World, answer, request

KEY, OTHER, NAMES = b"1" * 32, b"2" * 32, b"n" * 32
TOKENS = Tokens((KEY,), NAMES)
LISTENER = Listener(2, Transport.UDP, b"192.0.2.10", 5060, inside=False, bound=("192.0.2.10", 5060))
IPV4 = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
IPV6 = st.integers(0, 2**128 - 1).map(lambda number: str(IPv6Address(number)))
PORT = st.integers(1, 65535)


def flow(host: str, port: int) -> Flow:
    return Flow(hash((host, port)), LISTENER, host, port)


@given(st.integers(0, 1), IPV4 | IPV6, PORT, IPV4 | IPV6, PORT)
def test_a_dialog_token_says_what_was_put_in(
    owner: int, host: str, port: int, target: str, target_port: int
) -> None:
    token = TOKENS.outside(owner, flow(host, port), target, target_port)
    if token is None:
        assert ":" in host + target, "two IPv4 addresses always fit"
        return
    assert len(token) <= MAX_TOKEN
    opened = TOKENS.open(token)
    assert isinstance(opened, OutsideTarget)
    assert (opened.owner, opened.listener) == (owner, 2)
    assert (opened.host, opened.port) == (host, port)
    assert (opened.target_host, opened.target_port) == (target, target_port)


@given(st.integers(0, 1), IPV4 | IPV6, PORT)
def test_a_node_token_says_what_was_put_in(node: int, host: str, port: int) -> None:
    token = TOKENS.node(node, host, port)
    assert token is not None
    assert len(token) <= MAX_TOKEN
    opened = TOKENS.open(token)
    assert isinstance(opened, NodeTarget)
    assert (opened.node, opened.host, opened.port) == (node, host, port)


def test_an_ipv6_phone_that_says_its_own_address_fits() -> None:
    token = TOKENS.outside(0, flow("2001:db8::7", 5060), "2001:db8::7", 5060)
    assert token is not None
    assert len(token) <= MAX_TOKEN


def test_what_does_not_fit_is_none() -> None:
    assert TOKENS.outside(0, flow("2001:db8::7", 5060), "2001:db8::8", 5060) is None
    assert TOKENS.outside(0, flow("192.0.2.1", 5060), "phone.example.org", 5060) is None
    assert TOKENS.node(0, "pbx-a.lan", 5060) is None


def every() -> list[bytes]:
    dialog = TOKENS.outside(1, flow("198.51.100.7", 40001), "192.168.1.5", 5060)
    node = TOKENS.node(1, "10.0.0.11", 5060)
    assert dialog is not None
    assert node is not None
    return [dialog, node, TOKENS.named(0, b"something")]


@pytest.mark.parametrize("token", every(), ids=lambda token: chr(token[0]))
def test_any_flipped_bit_is_refused(token: bytes) -> None:
    """Of the sealed octets, and of the characters that they are written in."""
    sealed = bytes.fromhex(token[1:].decode())
    for bit in range(8 * len(sealed)):
        broken = bytearray(sealed)
        broken[bit // 8] ^= 1 << bit % 8
        forged = token[:1] + bytes(broken).hex().encode()
        assert TOKENS.open(forged) is None
        assert not TOKENS.genuine(forged)
    for at in range(len(token)):
        for bit in range(8):
            broken = bytearray(token)
            broken[at] ^= 1 << bit
            forged = bytes(broken)
            if forged.lower() != token:  # another case is the same token: URIs are folded
                assert TOKENS.open(forged) is None or forged[:1] != token[:1]
                if forged[:1] == token[:1]:
                    assert not TOKENS.genuine(forged)


@pytest.mark.parametrize("token", every(), ids=lambda token: chr(token[0]))
def test_a_token_of_one_kind_is_none_of_another(token: bytes) -> None:
    """The first character alone does not turn a node token into a dialog token."""
    before = TOKENS.open(token)
    for kind in (b"d", b"n", b"s", b"b"):
        if kind != token[:1]:
            assert TOKENS.open(kind + token[1:]) is None or before is None
            assert not TOKENS.genuine(kind + token[1:])


@pytest.mark.parametrize("token", every(), ids=lambda token: chr(token[0]))
def test_cut_and_longer_tokens_are_refused(token: bytes) -> None:
    for size in range(len(token)):
        assert TOKENS.open(token[:size]) is None
        assert not TOKENS.genuine(token[:size])
    assert TOKENS.open(token + b"00") is None
    assert not TOKENS.genuine(token + b"00")


@given(st.binary(max_size=80) | st.text("dns0123456789abcdef", max_size=70).map(str.encode))
def test_garbage_is_refused_and_nothing_else(token: bytes) -> None:
    assert TOKENS.open(token) is None
    assert not TOKENS.genuine(token)


def test_key_rotation() -> None:
    """The first key signs, all open; a key that is gone opens nothing."""
    old = TOKENS.node(0, "10.0.0.11", 5060)
    assert old is not None
    rotated = Tokens((OTHER, KEY), NAMES)
    assert isinstance(rotated.open(old), NodeTarget)
    new = rotated.node(0, "10.0.0.11", 5060)
    assert new is not None
    assert new != old
    assert TOKENS.open(new) is None
    later = Tokens((OTHER,), NAMES)
    assert isinstance(later.open(new), NodeTarget)
    assert later.open(old) is None
    assert rotated.genuine(TOKENS.named(0, b"x"))
    assert not later.genuine(TOKENS.named(0, b"x"))


def test_binding_names_outlive_rotation_and_restart() -> None:
    """A keyed hash of its own key: the same on both nodes, and for ever."""
    name = TOKENS.binding(b"1001@example.com", b"1001@192.168.1.5:5060")
    assert name == Tokens((OTHER,), NAMES).binding(b"1001@example.com", b"1001@192.168.1.5:5060")
    assert name != Tokens((KEY,), OTHER).binding(b"1001@example.com", b"1001@192.168.1.5:5060")
    assert name != TOKENS.binding(b"1002@example.com", b"1001@192.168.1.5:5060")
    assert len(name) <= MAX_TOKEN
    assert name == name.lower()


def test_names_of_the_two_sides_are_apart() -> None:
    assert TOKENS.named(0, b"x") != TOKENS.named(1, b"x")


def test_equal_content_gives_an_equal_token() -> None:
    assert TOKENS.node(0, "10.0.0.11", 5060) == Tokens((KEY,), NAMES).node(0, "10.0.0.11", 5060)


def test_the_cache_is_bounded() -> None:
    tokens = Tokens((KEY,), NAMES)
    for port in range(CACHE + 10):
        tokens.node(port % 2, f"10.0.{port >> 8 & 255}.{port & 255}", 5060 + port % 3)
    assert len(tokens._cache) <= CACHE


@pytest.mark.parametrize("keys", [((), NAMES), ((KEY,), b"")])
def test_no_front_without_keys(keys: tuple[tuple[bytes, ...], bytes]) -> None:
    with pytest.raises(ValueError, match="keys"):
        Tokens(*keys)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b"[2001:DB8::1]", "2001:db8::1"),
        (b"example.com", None),
        (b"1.2", None),
        (b"\xff", None),
    ],
)
def test_address_literals(host: bytes, text: str | None) -> None:
    assert literal(host) == text


LISTENERS = [
    Listener(0, transport, host, 65535, inside=False, bound=("::", 65535))
    for transport in Transport
    for host in (b"192.0.2.10", b"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]", b"sip.example.com")
]
USER = st.text("abcXYZ0189-_.!~*'()&=+$,;?/", max_size=240).map(str.encode)
PARAMS = st.lists(
    st.sampled_from(
        [b"line=1", b"x-" + b"y" * 100, b"ob", b"transport=tcp", b"lr", b"maddr=1.2.3.4"]
    ),
    max_size=4,
    unique=True,
)


@given(st.sampled_from(LISTENERS), USER, PARAMS, st.booleans())
def test_no_hidden_uri_is_too_long(
    listener: Listener, user: bytes, params: list[bytes], secure: bool
) -> None:
    """PJSIP refuses to authenticate a Request-URI of 256 octets."""
    text = (
        b"sip:"
        + (user + b"@" if user else b"")
        + b"10.0.0.11:5060"
        + b"".join(b";" + param for param in params)
    )
    uri = Uri.parse(text)
    token = b"d" + b"f" * (MAX_TOKEN - 1)
    new = hidden(uri, listener, token, secure=secure)
    assert len(new) <= MAX_URI
    parsed = Uri.parse(new)
    assert parsed.param(PARAM) == token
    assert parsed.host == listener.host
    assert b"10.0.0.11" not in new
    for name in (b"ob", b"lr", b"maddr"):
        assert parsed.param(name) is None


@pytest.mark.parametrize("contact", ["phone.example.org", "PHONE.lan:5070"])
def test_a_contact_with_a_name_gets_a_named_token(contact: str) -> None:
    """What it names is kept by the front, and comes back to the octet."""
    world = World()
    phone = world.phone("198.51.100.7", 40001)
    real = f"sip:1001@{contact};line=7"
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}", contact=f"<{real}>"))
    shown = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    token = Uri.parse(shown.encode()).param(PARAM)
    assert token is not None
    assert token[:1] == NAMED
    assert contact not in shown
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    (bye,) = world.hear(
        world.nodes[0],
        request(
            "BYE",
            shown,
            via=f"{NODE_A}:5060",
            branch="n1",
            sender="<sip:600@example.com>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            contact="",
        ),
    )
    assert bye.flow is phone
    assert bye.message.uri == real.encode()


def test_a_node_with_a_name_gets_a_named_token() -> None:
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact="<sip:600@pbx-a.lan:5060;x=1>")
    )
    shown = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    assert "pbx-a.lan" not in shown
    to = f"<sip:600@{FRONT}>;tag=n"
    (bye,) = world.hear(phone, request("BYE", shown, branch="b3", to=to, cseq=2, contact=""))
    assert bye.flow is world.nodes[0]
    assert bye.message.uri == b"sip:600@pbx-a.lan:5060;x=1"


def test_a_forged_token_is_refused() -> None:
    world = World()
    token = "d" + "0" * 40
    (no,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT};sf={token}"))
    assert no.message.status == 403
    (no,) = world.hear(
        world.phone(),
        request(
            "BYE", f"sip:600@{FRONT};sf={token}", branch="b2", to="<sip:x@y>;tag=z", call_id="q"
        ),
    )
    assert no.message.status in (403, 481)
    (no,) = world.hear(
        world.nodes[0], request("INVITE", f"sip:1@{INSIDE}:5062;sf={token}", via=f"{NODE_A}:5060")
    )
    assert no.message.status in (480, 503)


# -- dialogs with two names ------------------------------------------------------------------------

UUID = b"3b5c8a6e-6d5d-4a7c-a1d0-0123456789ab"


@pytest.mark.parametrize("tag", [b"as3f9", UUID, b"x" * 15, UUID.upper()[:14]])
def test_a_tag_fits_into_both_tokens(tag: bytes) -> None:
    tokens = Tokens((b"k" * 32,), b"b" * 32, (("10.0.0.11", 5060), ("10.0.0.12", 5060)))
    flow = World().phone("198.51.100.7", 40_001)
    inside = tokens.kept_node(1, "10.0.0.12", 5060, tag)
    outside = tokens.kept_outside(flow, "198.51.100.7", 40_001, tag)
    assert inside is not None
    assert outside is not None
    assert max(len(inside), len(outside)) <= MAX_TOKEN
    opened = tokens.open(inside)
    assert isinstance(opened, NodeTarget)
    assert (opened.node, opened.host, opened.port, opened.tag) == (1, "10.0.0.12", 5060, tag)
    found = tokens.open(outside)
    assert isinstance(found, OutsideTarget)
    assert (found.listener, found.host, found.port, found.tag) == (0, "198.51.100.7", 40_001, tag)
    assert (found.target_host, found.target_port) == (found.host, found.port)
    changed = inside[:-1] + (b"0" if inside[-1:] != b"0" else b"1")
    assert tokens.open(changed) is None
    assert tokens.open(b"k" + inside[1:]) is None, "one kind is none of another"


def test_a_tag_that_does_not_fit() -> None:
    tokens = Tokens((b"k" * 32,), b"b" * 32, (("10.0.0.11", 5060),))
    world = World()
    assert tokens.kept_node(0, "10.0.0.11", 5060, b"x" * 30) is None
    assert tokens.kept_node(0, "10.0.0.99", 5060, UUID) is None, "another address and a UUID"
    assert tokens.kept_node(0, "a.name", 5060, b"x") is None
    assert tokens.kept_node(0, "10.0.0.99", 5060, b"short") is not None
    assert tokens.kept_outside(world.phone("2001:db8::1"), "2001:db8::1", 5060, UUID) is None
    assert tokens.kept_outside(world.phone(), "192.168.1.7", 5060, b"x") is None
