"""Which hosts are ours, and which betray a node."""

from __future__ import annotations

import secrets
from dataclasses import replace

from sipfront.sip import headers as h
from sipfront.stack.flows import Flows, Listener, Transport
from sipfront.stack.settings import Node, Settings
from sipfront.stack.shared import MAX_NOTICES, Shared
from tests.stack.world import World, make_entropy, request


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
    return Shared(settings, Flows(listeners), make_entropy())


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


INVITE = request("INVITE", "sip:600@192.0.2.10")


def given(text: str, world: World | None = None) -> tuple[bytes | None, bytes | None]:
    """Via and correlation of what becomes of an INVITE."""
    world = world or World(entropy=secrets.token_bytes)
    (sent,) = world.hear(world.phone(), text)
    ours = next(
        line for line in sent.message.data.split(b"\r\n") if line.startswith(b"X-Sipfront-C")
    )
    return sent.message.value(h.VIA), ours


def test_a_front_that_was_started_again_sends_the_same_request_again() -> None:
    assert given(INVITE) == given(INVITE)


def test_another_request_has_another_branch() -> None:
    others = [
        request("INVITE", "sip:600@192.0.2.10", call_id="c2"),
        request("INVITE", "sip:600@192.0.2.10", branch="b2"),
        request("INVITE", "sip:600@192.0.2.10", cseq=2),  # some take the old branch with a new CSeq
    ]
    made = {given(text) for text in (INVITE, *others)}
    assert len(made) == 1 + len(others)


def test_who_knows_no_key_knows_no_branch() -> None:
    plain = World(entropy=secrets.token_bytes)
    assert plain.settings is not None
    other = World(settings=replace(plain.settings, binding_key=b"c" * 32))
    assert given(INVITE, plain)[0] != given(INVITE, other)[0]


def test_each_node_and_each_try_has_a_branch_of_its_own() -> None:
    world = World()
    world.hear(world.phone(), INVITE)
    (server,) = world.engine._layer.servers.values()
    shared = world.engine.shared
    ways = [shared.branch(server, world.nodes[0]), shared.branch(server, world.nodes[1])]
    assert server.branches[0].branch not in ways  # it is there: this would be the second try
    assert len(set(ways)) == 2
    assert all(len(branch) == len(server.branches[0].branch) for branch in ways)


def test_a_registration_has_a_number_of_its_own_each_time() -> None:
    sent = []
    for _ in range(2):
        world = World(entropy=secrets.token_bytes)
        (one,) = world.hear(
            world.phone(), request("REGISTER", "sip:example.com", to="<sip:1001@example.com>")
        )
        sent.append(one.message.value(h.VIA))
    assert sent[0] != sent[1]
