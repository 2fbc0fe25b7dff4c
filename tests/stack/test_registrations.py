"""Registrations over time: two clocks, several phones, two nodes."""

from __future__ import annotations

from tests.stack.phones import Phone, asked, contacts, granted, passed, reachable, told, world
from tests.stack.world import NODE_A, NODE_B, answer


def test_an_expired_contact_is_not_called_and_not_kept_alive() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    one.wait(60)
    assert not reachable(one, phone), "before the sweep too"
    assert passed(phone.ask()), "the node must be asked again"
    one.wait(11)
    assert len(one.engine.shared.bindings) == 0
    assert one.engine.counters["bindings expired"] == 1


def test_expired_ones_do_not_count_against_the_limit() -> None:
    one = world()
    one.engine.shared.bindings.limit = 1
    Phone(one).register()
    (no,) = Phone(one, "1002", one.phone("198.51.100.8")).ask()
    assert no.message.status == 503
    one.wait(71)
    assert told(Phone(one, "1002", one.phone("198.51.100.8")).register()) == 60


def test_what_the_node_drops_is_not_answered_for() -> None:
    """max_contacts=1: the second phone throws the first one out, which then asks the node."""
    one = world()
    phone, other = Phone(one), Phone(one, flow=one.phone("198.51.100.8"), call_id="other")
    other.contact = "sip:1001@192.168.1.8"
    phone.register()
    other.register()
    assert not reachable(one, phone)
    assert passed(phone.ask())


def test_what_the_new_active_node_never_had_is_not_dropped_by_it() -> None:
    one = world()
    phone, other = Phone(one), Phone(one, flow=one.phone("198.51.100.8"), call_id="other")
    other.contact = "sip:1001@192.168.1.8"
    phone.register()
    first = next(iter(one.engine.shared.bindings)).name.decode()
    (sent,) = other.ask()
    one.hear(sent.flow, granted(sent, f"<sip:1001@10.0.0.10:5062;sf={first}>;expires=500"))
    one.route(1)
    (sent,) = other.ask()
    assert sent.to == NODE_B
    one.hear(sent.flow, granted(sent))
    assert len(one.engine.shared.bindings) == 2


def test_deregistration_and_star_go_to_the_node() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    (sent,) = phone.ask(0)
    assert asked(sent) == 0 if "expires" in contacts(sent)[0] else True
    one.hear(sent.flow, granted(sent).replace(";expires=3600", ";expires=0"))
    assert len(one.engine.shared.bindings) == 0
    phone.register()
    (sent,) = phone.ask(0, contact="*")
    assert contacts(sent) == ["*"]
    one.hear(sent.flow, answer(sent, 200, tag="n"))
    assert len(one.engine.shared.bindings) == 0
    assert passed(phone.ask())


def test_a_query_goes_to_the_node_and_is_told_the_phones_own_clock() -> None:
    one = world()
    phone = Phone(one)
    phone.register()
    one.wait(20)
    (sent,) = phone.ask(None, contact="")
    name = next(iter(one.engine.shared.bindings)).name.decode()
    own = f"<sip:1001@10.0.0.10:5062;sf={name}>;expires=580"
    (back,) = one.hear(sent.flow, answer(sent, 200, tag="n", extra=f"Contact: {own}"))
    assert contacts(back) == ["<sip:1001@192.168.1.5:5060>;expires=40"]


def test_too_brief_for_the_node() -> None:
    """Its 423 is passed; what it wants is asked of it from then on, and the phone keeps its own."""
    one = world()
    phone = Phone(one)
    (sent,) = phone.ask()
    (back,) = one.hear(sent.flow, answer(sent, 423, tag="x", extra="Min-Expires: 1800"))
    assert back.message.status == 423
    (sent,) = phone.ask(1800)
    assert asked(sent) == 1800
    (back,) = one.hear(sent.flow, granted(sent))
    assert told(back) == 60


def test_expiries_by_network_and_transport() -> None:
    one = world()
    nat = Phone(one, "1", one.phone("10.1.0.7"), contact="sip:1@192.168.1.5")
    lan = Phone(one, "2", one.phone("10.1.0.8"), contact="sip:2@10.1.0.8:5060")
    far = Phone(one, "3", one.phone("198.51.100.9"), contact="sip:3@198.51.100.9:5060")
    tcp = Phone(one, "4", one.flows.stream(one.tcp, "198.51.100.9", 40001))
    assert [told(phone.register()) for phone in (nat, lan, far, tcp)] == [60, 300, 60, 300]
    assert told(Phone(one, "5", one.phone("10.1.0.9"), contact="sip:5@10.1.0.9").register(90)) == 90


def test_challenge_and_answer_belong_to_one_node() -> None:
    """The roles change between them: the credentials go to the node whose nonce they answer."""
    one = world()
    phone = Phone(one)
    (sent,) = phone.ask()
    challenge = 'WWW-Authenticate: Digest realm="example.com", nonce="of-a"'
    one.hear(sent.flow, answer(sent, 401, tag="x", extra=challenge))
    one.route(1)
    proof = 'Authorization: Digest username="1001", realm="example.com", nonce="of-a", uri="x"'
    (sent,) = phone.ask(extra=proof)
    assert sent.to == NODE_A
    one.hear(sent.flow, granted(sent))
    one.wait(20)
    (sent,) = phone.ask(extra=proof)
    assert passed([sent])
    (back,) = one.hear(
        sent.flow, answer(sent, 401, tag="y", extra=challenge.replace("of-a", "of-b"))
    )
    if sent.to == NODE_B:
        assert b"stale=true" in back.message.data


def test_a_node_that_grants_less_than_the_phone_would_be_told() -> None:
    one = world()
    phone = Phone(one)
    (sent,) = phone.ask()
    (back,) = one.hear(sent.flow, granted(sent, expires=30))
    assert told(back) == 30
    one.wait(10)
    assert passed(phone.ask()), "there is no room for two clocks"
