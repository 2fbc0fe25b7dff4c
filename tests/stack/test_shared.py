"""Which hosts are ours, and which betray a node."""

from __future__ import annotations

from sipfront.stack.flows import Flows, Listener, Transport
from sipfront.stack.settings import Node, Settings
from sipfront.stack.shared import MAX_NOTICES, Shared
from tests.stack.world import World, make_entropy


def shared(outside: bytes, inside: bytes, node: bytes) -> Shared:
    listeners = [
        Listener(0, Transport.UDP, outside, 5060, inside=False, bound=("::", 5060)),
        Listener(1, Transport.UDP, inside, 5062, inside=True, bound=("::", 5062)),
    ]
    settings = Settings(
        nodes=(Node("a", node, 5060, 0, (node,)),),
        domains=(b"Example.COM",),
        token_keys=(b"k" * 32,),
        binding_key=b"b" * 32,
    )
    return Shared(settings, Flows(listeners), make_entropy())  # type: ignore[arg-type]


def test_ipv6_hosts_are_known_in_every_spelling() -> None:
    one = shared(b"[2001:DB8:0:0::10]", b"[fd00:0::10]", b"[fd00::11]")
    assert b"[2001:db8::10]" in one.own_hosts
    assert b"[fd00::10]" in one.inside_hosts
    assert b"example.com" in one.domains
    for host in (b"[fd00::10]", b"[fd00:0::10]", b"[fd00::11]"):
        assert one.mask.pattern.sub(one.domain, b"<sip:x@%b:5060>" % host) == b"<sip:x@Example.COM>"


def test_one_address_for_both_sides_betrays_nobody() -> None:
    one = shared(b"192.0.2.10", b"192.0.2.10", b"10.0.0.11")
    assert one.mask.hosts == (b"10.0.0.11",)


def test_fresh_tokens_are_fresh() -> None:
    one = World().engine.shared
    made = {one.fresh() for _ in range(5000)}
    assert len(made) == 5000
    assert {len(token) for token in made} == {16}


def test_retry_after_is_spread() -> None:
    one = World().engine.shared
    lines = {one.retry_after() for _ in range(200)}
    seconds = {int(line.removeprefix(b"Retry-After: ").removesuffix(b"\r\n")) for line in lines}
    assert len(seconds) > 3
    assert min(seconds) >= 5
    assert max(seconds) <= 10


def test_notices_that_nobody_reads_are_dropped_and_counted() -> None:
    one = World().engine.shared
    for _ in range(MAX_NOTICES + 3):
        one.note(0.0, "x", b"c")
    assert len(one.notices) == MAX_NOTICES
    assert one.counters["notices dropped"] == 3
