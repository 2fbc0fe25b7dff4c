"""Two clocks: refreshes that change nothing are answered at the front; everything else is not.

Each of the traps into which such a shortcut leads has a story here.
"""

from __future__ import annotations

import pytest

from sipfront.stack.accounts import Account
from sipfront.stack.route import NodeState
from tests.stack.phones import Phone, asked, contacts, granted, passed, reachable, told, world
from tests.stack.world import NODE_B, answer

INSTANCE = '"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'


def test_a_refresh_that_changes_nothing_is_answered_here() -> None:
    one = world()
    phone = Phone(one)
    (sent,) = phone.ask()
    assert asked(sent) == 600, "nobody could remove it there"
    (back,) = one.hear(sent.flow, granted(sent))
    assert told(back) == 60
    for _ in range(5):
        one.wait(50)
        (back,) = phone.ask()
        assert back.flow is phone.flow
        assert told(back) == 60
        assert back.message.cseq == phone.cseq
    assert one.engine.counters["refreshes answered here"] == 5
    assert reachable(one, phone)


def test_from_half_life_on_the_node_is_asked() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    asked_at = []
    for _ in range(24):
        one.wait(50)
        (sent,) = phone.ask()
        if sent.message.method == b"REGISTER":
            asked_at.append(one.now - 1000)
            one.hear(sent.flow, granted(sent))
    assert asked_at == [300, 600, 900, 1200]


def test_a_challenge_at_half_life_reaches_the_phone_and_the_binding_lives_on() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    for _ in range(5):
        one.wait(50)
        phone.ask()
    one.wait(50)
    (sent,) = phone.ask()
    challenge = 'WWW-Authenticate: Digest realm="example.com", nonce="n1"'
    (back,) = one.hear(sent.flow, answer(sent, 401, tag="x", extra=challenge))
    assert back.message.status == 401
    assert reachable(one, phone)
    proof = 'Authorization: Digest username="1001", realm="example.com", nonce="n1", uri="x"'
    assert passed(phone.ask(extra=proof))


def test_a_changed_password_is_noticed() -> None:
    """Other credentials than those that were accepted are the node's to judge."""
    one = world()
    phone = Phone(one)
    proof = 'Authorization: Digest username="{}", realm="example.com", nonce="n1", uri="x"'
    phone.register(extra=proof.format("1001"))
    one.wait(30)
    (back,) = phone.ask(extra=proof.format("1001"))
    assert back.message.status == 200
    one.wait(30)
    assert passed(phone.ask(extra=proof.format("mallory")))
    # With the secret known, the proof itself is looked at, not only the name.
    one.engine.shared.accounts.replaced({b"1001": Account(b"1001", b"secret")})
    assert passed(phone.ask(extra=proof.format("1001") + ', response="' + "0" * 32 + '"'))


@pytest.mark.parametrize("status", [403, 404])
def test_after_a_refusal_nothing_is_answered_in_the_nodes_place(status: int) -> None:
    """A refused REGISTER must not leave the old binding half alive: it stays whole until it ends,
    and only the node can prolong it."""
    one = world()
    phone = Phone(one)
    phone.register()
    for _ in range(6):
        one.wait(50)
        sent = phone.ask()
    assert passed(sent)
    one.hear(sent[0].flow, answer(sent[0], status, tag="x"))
    assert reachable(one, phone)
    ended = one.now + 10  # its last 60 s began 50 s ago
    one.wait(5)
    assert passed(phone.ask()), "not answered here any more"
    one.wait(ended + 11 - one.now)
    assert not reachable(one, phone)
    assert len(one.engine.shared.bindings) == 0
    assert told(phone.register()) == 60, "until the node takes it again"
    one.wait(30)
    (back,) = phone.ask()
    assert back.message.status == 200


def test_out_of_order_is_refused() -> None:
    """RFC 3261 10.3 step 7: a CSeq that does not rise under one Call-ID changes nothing."""
    one = world()
    phone = Phone(one, cseq=10)
    phone.register()
    (back,) = phone.ask()
    assert back.message.status == 200
    for cseq in (11, 10):
        phone.cseq = cseq
        (back,) = phone.ask(0)
        assert back.message.status == 500
    assert reachable(one, phone)
    phone.cseq, phone.call_id = 0, "rebooted"
    assert passed(phone.ask()), "another Call-ID begins anew"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"call_id": "other"}, "other Call-ID"),
        ({"params": ";q=0.3"}, "other Contact"),
        ({"contact": "sip:1001@192.168.1.5:5060;line=2"}, "other Contact"),
        ({"contact": "sip:1001@192.168.1.6:5060"}, "not known"),
        ({"extra": ["Require: outbound"]}, "requires something"),
    ],
)
def test_what_changes_something_goes_to_the_node(change: dict[str, object], why: str) -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    one.wait(10)
    for name, value in change.items():
        setattr(phone, name, value)
    assert passed(phone.ask())
    assert one.engine.counters[f"REGISTER passed: {why}"] >= 1


def test_a_phone_that_moves() -> None:
    """The same instance from another address: the node is asked, then the new address is called."""
    one = world()
    phone = Phone(one, params=f";+sip.instance={INSTANCE};reg-id=1")
    phone.register()
    old = phone.flow
    phone.flow = one.phone("198.51.100.7", 40001)
    phone.contact = "sip:1001@192.168.7.7:5060"
    (sent,) = phone.ask()
    assert passed([sent])
    (back,) = one.hear(sent.flow, granted(sent))
    assert contacts(back)[0].startswith("<sip:1001@192.168.7.7:5060>")
    assert reachable(one, phone)
    assert phone.flow is not old
    assert len(one.engine.shared.bindings) == 1


def test_a_refused_move_leaves_the_old_binding_whole() -> None:
    one = world()
    phone = Phone(one, params=f";+sip.instance={INSTANCE};reg-id=1")
    phone.register()
    thief = Phone(one, flow=one.phone("203.0.113.99"), params=phone.params, call_id="thief")
    (sent,) = thief.ask()
    one.hear(sent.flow, answer(sent, 401, tag="x"))
    assert reachable(one, phone)
    one.wait(20)
    (back,) = phone.ask()
    assert told(back) == 60, "and it is refreshed as before"
    assert passed(thief.ask())


def test_several_contacts_of_one_phone() -> None:
    one = world()
    phone = Phone(one)
    two = "<sip:1001@192.168.1.5:5060>;q=0.8, <sip:1001@192.168.1.5:5070>;q=0.5;expires=40"
    phone.register(contact=two)
    one.wait(20)
    (back,) = phone.ask(contact=two)
    assert [value.rpartition("=")[2] for value in contacts(back)] == ["60", "40"]
    assert passed(phone.ask(contact=two + ", <sip:1001@192.168.1.5:5080>"))
    assert passed(phone.ask(contact=two.replace("expires=40", "expires=0")))


def test_two_phones_of_one_address_do_not_see_each_other() -> None:
    one = world()
    phone, other = Phone(one), Phone(one, flow=one.phone("198.51.100.8"), call_id="other")
    other.contact = "sip:1001@192.168.1.8"
    phone.register()
    first = next(iter(one.engine.shared.bindings)).name.decode()
    (sent,) = other.ask()
    one.hear(sent.flow, granted(sent, f"<sip:1001@10.0.0.10:5062;sf={first}>;expires=500"))
    one.wait(20)
    (back,) = phone.ask()
    assert contacts(back) == ["<sip:1001@192.168.1.5:5060>;expires=60"]
    assert len(one.engine.shared.bindings) == 2


def test_too_brief_for_us() -> None:
    (no,) = Phone(world()).ask(5)
    assert no.message.status == 423
    assert b"Min-Expires: 10\r\n" in no.message.data


def test_after_a_failover_the_new_node_is_asked() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    one.route(1)
    one.wait(30)
    (sent,) = phone.ask()
    assert sent.to == NODE_B
    assert one.engine.counters["REGISTER passed: not at the node"] == 1


def test_with_one_location_database_a_failover_changes_nothing() -> None:
    one = world(continuity="shared")
    phone = Phone(one)
    phone.register()
    one.route(1)
    one.wait(30)
    (back,) = phone.ask()
    assert told(back) == 60


def test_while_the_node_is_in_doubt_there_is_time() -> None:
    """Its half-life has passed, it cannot be asked, and it holds the binding long enough."""
    one = world()
    phone = Phone(one)
    phone.register()
    for _ in range(6):
        one.wait(55)
        if one.now >= 1330:
            one.route(0, (NodeState.SUSPECT, NodeState.UP))
        (back,) = phone.ask()
        assert told(back) == 60


def test_a_connection_that_ended_is_no_same_flow() -> None:
    one = world()
    phone = Phone(one, flow=one.flows.stream(one.tcp, "198.51.100.9", 40001))
    phone.register()
    assert phone.flow is not None
    one.flows.dropped(phone.flow)
    one.engine.lost(phone.flow, one.now, "closed")
    phone.flow = one.flows.stream(one.tcp, "198.51.100.9", 40001)
    assert passed(phone.ask())


def test_what_a_node_requires_of_a_flow_is_in_every_answer() -> None:
    """RFC 5626 6, and GRUU parameters (RFC 5627) as the node gave them."""
    one = world()
    phone = Phone(one, params=f";+sip.instance={INSTANCE};reg-id=1")
    (sent,) = phone.ask(extra="Supported: outbound, gruu")
    gruu = 'pub-gruu="sip:1001@example.com;gr=urn:uuid:1"'
    text = granted(sent, extra="Require: outbound\nFlow-Timer: 90")
    one.hear(sent.flow, text.replace(";expires=600", f";{gruu};expires=600"))
    one.wait(20)
    (back,) = phone.ask()
    assert gruu in contacts(back)[0]
    assert b"Require: outbound\r\nFlow-Timer: 90\r\n" in back.message.data.replace(
        b"Flow-Timer: 90\r\nRequire: outbound\r\n", b"Require: outbound\r\nFlow-Timer: 90\r\n"
    )
