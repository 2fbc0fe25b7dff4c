"""What a branch carries to the other side, where the far side wrote something odd."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from tests.stack.test_front import register
from tests.stack.world import FRONT, INSIDE, NODE_A, World, answer, request


def uri_of(value: bytes | None) -> str:
    return (value or b"").decode().partition("<")[2].partition(">")[0]


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:1001@198.51.100.7",
        '"x <sip:1001@198.51.100.7>',
        "<sip:1001@198.51.100.7>>",
        "<sip:1001@198.51.100.7:0>",
        "<sip:1001@198.51.100.7:port>",
        "<sip:10 01@198.51.100.7>",
        "<sip:1001@198.51.100.7>, <sip:b@198.51.100.7:99999>",
    ],
)
def test_a_contact_that_cannot_be_read_is_not_shown(contact: str) -> None:
    """What cannot be hidden does not pass; the request does, or is refused as malformed."""
    world = World()
    (sent,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}", contact=contact))
    if sent.message.status:
        assert sent.message.status == 400
        return
    for value in sent.message.values(h.CONTACT):
        assert b"198.51.100" not in value
    contact = contact.replace("198.51.100.7", NODE_A)
    for status in (180, 200):
        (back,) = world.hear(sent.flow, answer(sent, status, tag="n", contact=contact))
        assert NODE_A not in back.text


def test_other_schemes_pass_as_they_are() -> None:
    world = World()
    (sent,) = world.hear(
        world.phone(), request("INVITE", f"sip:600@{FRONT}", contact="<tel:+49301234>")
    )
    assert sent.message.value(h.CONTACT) == b"<tel:+49301234>"


def test_a_phone_redirects_to_somebody_at_the_front() -> None:
    """302: the node knows the front by its inside address only; other targets are left alone."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            sender=f"<sip:1001@{NODE_A}>;tag=n",
            contact=f"<sip:1001@{NODE_A}>",
        ),
    )
    moved = f"<sip:1003@{FRONT}>;q=0.5, <sip:1004@example.com>, <sip:x@elsewhere.invalid>"
    out = world.hear(phone, answer(ring, 302, tag="p", contact=moved))
    (back,) = [item for item in out if item.flow is world.nodes[0]]
    assert back.message.value(h.CONTACT) == (
        b"<sip:1003@10.0.0.10:5062>;q=0.5, <sip:1004@example.com>, <sip:x@elsewhere.invalid>"
    )


@pytest.mark.parametrize("host", [NODE_A, "pbx-a.internal"])
def test_refer_to_a_dialog_of_the_node(host: str) -> None:
    """The phone transfers to the Contact that it knows; the node finds its own, name or address."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(
        invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{host}:5070;x=1>")
    )
    target = uri_of(ok.message.value(h.CONTACT))
    (refer,) = world.hear(
        phone,
        request(
            "REFER",
            target,
            branch="b2",
            cseq=2,
            to=f"<sip:600@{FRONT}>;tag=n",
            extra=f"Refer-To: <{target}?Replaces=c1%3Bto-tag%3Dn%3Bfrom-tag%3Da>",
        ),
    )
    expected = f"<sip:600@{host}:5070;x=1?Replaces=c1%3Bto-tag%3Dn%3Bfrom-tag%3Da>"
    assert refer.message.value(h.REFER_TO) == expected.encode()


def test_a_dialog_without_a_contact_in_its_first_answer() -> None:
    """An 18x may have none: until then the target is where the request went."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            sender="<sip:1001@example.com>;tag=n",
            contact=f"<sip:1001@{NODE_A}>",
        ),
    )
    world.hear(phone, answer(ring, 183, tag="p", extra="RSeq: 1\nRequire: 100rel"))
    (prack,) = world.hear(
        world.nodes[0],
        request(
            "PRACK",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            branch="b2",
            cseq=2,
            sender="<sip:1001@example.com>;tag=n",
            to="<sip:1002@example.com>;tag=p",
            extra="RAck: 1 1 INVITE",
        ),
    )
    assert prack.flow is phone
    assert prack.message.uri == b"sip:1002@192.168.1.9:5060"
