"""REGISTER through the front: what the node sees, what the phone sees, what is remembered."""

from __future__ import annotations

import re

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.registrar import EPOCH, MAX_CONTACTS
from tests.stack.world import FRONT, INSIDE, NODE_A, Sent, World, answer, request

count = 0


def ask(world: World, phone: Flow, *contacts: str, user: str = "1001", **more: str) -> list[Sent]:
    """A phone sends a REGISTER."""
    global count
    count += 1
    extra = "\n".join([f"Contact: {contact}" for contact in contacts] + [more.get("extra", "")])
    return world.hear(
        phone,
        request(
            "REGISTER",
            more.get("uri", "sip:example.com"),
            branch=f"reg{count}",
            sender=f"<sip:{user}@example.com>;tag=f",
            to=more.get("to", f"<sip:{user}@example.com>"),
            call_id="phone",
            cseq=count,
            contact="",
            extra=extra,
        ),
    )


def shown(sent: Sent) -> list[str]:
    return [value.decode() for value in sent.message.values(h.CONTACT)]


def listed(sent: Sent, *also: str, expires: int = 300) -> str:
    """The list of a node that granted everything."""
    values = []
    for value in shown(sent):
        for uri, params in re.findall(r"(<[^>]*>)([^<]*)", value):
            if "expires=0" not in params:
                values.append(f"Contact: {uri};expires={expires}")
    return "\n".join([*values, *(f"Contact: {value}" for value in also)])


def register(world: World, phone: Flow, *contacts: str, **more: str) -> Sent:
    (sent,) = ask(world, phone, *contacts, **more)
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=listed(sent)))
    return back


def test_several_contacts() -> None:
    """Each gets a name; the phone sees its own two again, with what the node granted."""
    world = World()
    phone = world.phone()
    (sent,) = ask(
        world,
        phone,
        '"Desk, left" <sip:1001@192.168.1.5:5060;line=1>;expires=300;q=0.7, '
        "<sip:1001@192.168.1.5:5070>;expires=300",
    )
    (value,) = shown(sent)
    assert "192.168" not in value
    assert value.count(f"@{INSIDE}:5062;") == 2
    assert value.startswith('"Desk, left" <sip:1001@')
    assert ";line=1>;expires=300;q=0.7, " in value or ";q=0.7" in value
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=listed(sent)))
    assert shown(back) == [
        "<sip:1001@192.168.1.5:5060;line=1>;expires=300",
        "<sip:1001@192.168.1.5:5070>;expires=300",
    ]
    assert len(world.engine.shared.bindings) == 2


def test_expires_0_removes_one() -> None:
    world = World()
    phone = world.phone()
    register(world, phone, "<sip:1001@192.168.1.5>", "<sip:1001@192.168.1.6>")
    (sent,) = ask(world, phone, "<sip:1001@192.168.1.5>;expires=0")
    rest = next(b for b in world.engine.shared.bindings if b"1.6" in b.contact)
    extra = f"Contact: <sip:1001@{INSIDE}:5062;sf={rest.name.decode()}>;expires=200"
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=extra))
    assert shown(back) == [], "only its own: the other one is not shown to everybody"
    assert [b.contact for b in world.engine.shared.bindings] == [b"sip:1001@192.168.1.6"]


def test_star_removes_all_of_the_aor() -> None:
    world = World()
    phone = world.phone()
    register(world, phone, "<sip:1001@192.168.1.5>", "<sip:1001@192.168.1.6>")
    register(world, world.phone("198.51.100.8"), "<sip:1002@192.168.1.7>", user="1002")
    (sent,) = ask(world, phone, "*", extra="Expires: 0")
    assert shown(sent) == ["*"]
    assert sent.message.value(h.EXPIRES) == b"0"
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n"))
    assert back.message.status == 200
    assert [b.aor for b in world.engine.shared.bindings] == [b"1002@example.com"]


@pytest.mark.parametrize(
    ("contacts", "extra"),
    [
        (["*"], ""),
        (["*"], "Expires: 60"),
        (["*", "<sip:1@192.168.1.5>"], "Expires: 0"),
        (["<sip:1@192.168.1.5>, *"], "Expires: 0"),
        (["<sip:1@192.168.1.5"], ""),
    ],
)
def test_a_wrong_contact_is_400(contacts: list[str], extra: str) -> None:
    world = World()
    (no,) = ask(world, world.phone(), *contacts, extra=extra)
    assert no.message.status == 400


def test_too_many_contacts() -> None:
    world = World()
    many = [f"<sip:1001@192.168.1.5:{5060 + n}>" for n in range(MAX_CONTACTS + 1)]
    (no,) = ask(world, world.phone(), *many)
    assert no.message.status == 403


def test_foreign_contacts_are_never_shown() -> None:
    """Neither another phone's nor what the node has from elsewhere; a query shows one's own."""
    world = World()
    phone, other = world.phone(), world.phone("198.51.100.8")
    register(world, other, "<sip:1001@192.168.1.8>")
    theirs = next(iter(world.engine.shared.bindings)).name.decode()
    foreign = (
        f"<sip:1001@{INSIDE}:5062;sf={theirs}>;expires=100",
        f"<sip:1001@{NODE_A}:5099>;expires=100",
        "<sip:1001@10.9.9.9;sf=b00>;expires=100",
    )
    (sent,) = ask(world, phone, "<sip:1001@192.168.1.5>")
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=listed(sent, *foreign)))
    assert shown(back) == ["<sip:1001@192.168.1.5>;expires=300"]
    own = shown(sent)[0].partition(">")[0] + ">;expires=77"
    (sent,) = ask(world, phone)
    extra = "\n".join(f"Contact: {value}" for value in (own, *foreign))
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=extra))
    assert shown(back) == ["<sip:1001@192.168.1.5>;expires=77"]
    assert len(world.engine.shared.bindings) == 2


INSTANCE = '"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'


def test_sip_instance_and_reg_id_name_the_binding() -> None:
    """The phone comes back from elsewhere: one binding; another reg-id is another (RFC 5626)."""
    world = World()
    for number, reg in ((1, 1), (2, 1), (3, 2)):
        phone = world.phone("198.51.100.7", 40000 + number)
        contact = f"<sip:1001@192.168.1.{number}>;+sip.instance={INSTANCE};reg-id={reg}"
        (sent,) = ask(world, phone, contact)
        assert f"+sip.instance={INSTANCE}" in shown(sent)[0]
        extra = listed(
            sent,
            *(
                f"<sip:1001@{INSIDE}:5062;sf={b.name.decode()}>"
                for b in world.engine.shared.bindings
            ),
        )
        world.hear(sent.flow, answer(sent, 200, tag="n", extra=extra))
    contacts = sorted(b.contact for b in world.engine.shared.bindings)
    assert contacts == [b"sip:1001@192.168.1.2", b"sip:1001@192.168.1.3"]


def test_names_do_not_hang_on_the_flow() -> None:
    """The same on both nodes, after a restart, and from another port."""
    names = []
    for port in (40001, 40002):
        world = World()
        (sent,) = ask(world, world.phone("198.51.100.7", port), "<sip:1001@192.168.1.5>")
        names.append(shown(sent))
    assert names[0] == names[1]


def test_a_tel_contact_passes_and_is_shown_again() -> None:
    world = World()
    phone = world.phone()
    (sent,) = ask(world, phone, "<sip:1001@192.168.1.5>", "<tel:+4930123>")
    assert shown(sent)[1] == "<tel:+4930123>"
    (back,) = world.hear(sent.flow, answer(sent, 200, tag="n", extra=listed(sent)))
    assert shown(back) == ["<sip:1001@192.168.1.5>;expires=300", "<tel:+4930123>;expires=300"]
    assert len(world.engine.shared.bindings) == 1


def test_an_addr_spec_contact_is_put_into_brackets() -> None:
    """RFC 3261 20.10: without them its parameters would be the header's."""
    world = World()
    (sent,) = ask(world, world.phone(), "sip:1001@192.168.1.5;expires=60")
    assert shown(sent)[0].endswith(">;expires=600")
    assert shown(sent)[0].startswith(f"<sip:1001@{INSIDE}:5062;sf=b")


def test_call_id_and_cseq_are_ours() -> None:
    """One series for each binding, rising; the phone gets its own back."""
    world = World()
    phone = world.phone()
    seen = []
    for _ in range(3):
        (sent,) = ask(world, phone, "<sip:1001@192.168.1.5>")
        seen.append((sent.message.call_id, sent.message.cseq))
        (back,) = world.hear(sent.flow, answer(sent, 401, tag="n"))
        assert back.message.call_id == b"phone"
        assert back.message.cseq == count
    assert len({call_id for call_id, _ in seen}) == 1
    assert [cseq for _, cseq in seen] == sorted({cseq for _, cseq in seen}), "each one higher"
    assert seen[0][1] >= int(world.now + 1_700_000_000 - EPOCH)
    assert seen[0][1] < 2**31


@pytest.mark.parametrize("contacts", [(), ("*",)])
def test_queries_and_stars_rise_too(contacts: tuple[str, ...]) -> None:
    """The same Call-ID and CSeq in another transaction would be a loop (RFC 3261 8.2.2.2)."""
    world = World()
    phone = world.phone()
    seen = []
    for _ in range(3):
        (sent,) = ask(world, phone, *contacts, extra="Expires: 0")
        seen.append(sent.message.cseq)
        world.hear(sent.flow, answer(sent, 401, tag="n"))
    assert seen == sorted(set(seen))


def test_our_own_address_is_the_domain() -> None:
    world = World()
    register(world, world.phone(), "<sip:1001@192.168.1.5>", to=f"<sip:1001@{FRONT}>")
    assert [b.aor for b in world.engine.shared.bindings] == [b"1001@example.com"]


def test_the_expires_header_counts_when_the_contact_says_nothing() -> None:
    world = World()
    (sent,) = ask(world, world.phone(), "<sip:1001@192.168.1.5>")
    uri = shown(sent)[0].partition(";expires")[0]
    (back,) = world.hear(
        sent.flow, answer(sent, 200, tag="n", extra=f"Expires: 120\nContact: {uri}")
    )
    assert shown(back) == ["<sip:1001@192.168.1.5>;expires=120"]
    (binding,) = world.engine.shared.bindings
    assert binding.expires == world.now + 120


def test_a_refused_registration_changes_nothing() -> None:
    world = World()
    phone = world.phone()
    register(world, phone, "<sip:1001@192.168.1.5>")
    for status in (401, 403, 404, 503):
        (sent,) = ask(world, phone, "<sip:1001@192.168.1.5>;expires=0")
        world.hear(sent.flow, answer(sent, status, tag="n"))
    assert len(world.engine.shared.bindings) == 1


def test_a_full_table() -> None:
    world = World()
    world.engine.shared.bindings.limit = 1
    register(world, world.phone(), "<sip:1001@192.168.1.5>")
    (no,) = ask(world, world.phone(), "<sip:1001@192.168.1.6>")
    assert no.message.status == 503
    assert register(world, world.phone(), "<sip:1001@192.168.1.5>").message.status == 200
