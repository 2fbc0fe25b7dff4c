"""The front registers itself at a carrier: asks, proves, rests, and waits when it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.sip import digest
from sipfront.sip import headers as h
from sipfront.stack import trunk_client
from sipfront.stack.accounts import Account
from sipfront.stack.flows import Flow
from sipfront.stack.trunk_client import TABLE, Act, Event, State
from tests.stack.world import CARRIER, FRONT, NODE_A, Sent, World, answer, request

ACCOUNT = Account(b"login", b"secret")
CHALLENGE = 'WWW-Authenticate: Digest realm="carrier", nonce="{}", algorithm=MD5, qop="auth"'


def begun(*ways: Flow, **more: object) -> tuple[World, Sent]:
    """A world whose trunk registers; the first REGISTER."""
    one = World()
    settings = one.engine.shared.settings
    trunk = replace(
        settings.trunks[0],
        register="front",
        user=b"4930",
        domain=b"carrier.example",
        account=ACCOUNT,
        **more,  # type: ignore[arg-type]
    )
    if ways:
        one.engine.trunk_resolved("carrier", ways, one.now)
    one.engine.trunks_changed((trunk,), one.now)
    (sent,) = one.out()
    return one, sent


def reply(world: World, sent: Sent, status: int, extra: str = "") -> list[Sent]:
    return world.hear(sent.flow, answer(sent, status, tag="r", extra=extra))


def accepted(world: World, sent: Sent, seconds: int = 600) -> list[Sent]:
    contact = (sent.message.value(h.CONTACT) or b"").decode().partition(";expires")[0]
    return reply(world, sent, 200, f"Contact: {contact};expires={seconds}")


def asked(world: World, limit: float) -> Sent:
    """The next REGISTER, at the moment it is sent."""
    for _ in range(int(limit * 4)):
        sent = world.wait(0.25)
        if sent:
            return sent[0]
    raise AssertionError("nothing was asked")


def state(world: World) -> tuple[int, str, bool]:
    (one,) = world.engine.shared.enrolments
    return one.status, one.why, one.expires > world.now


def test_what_is_asked() -> None:
    one, sent = begun()
    assert sent.flow is one.carrier
    assert sent.message.uri == b"sip:carrier.example"
    assert sent.message.value(h.TO) == b"<sip:4930@carrier.example>"
    assert (sent.message.value(h.FROM) or b"").startswith(b"<sip:4930@carrier.example>;tag=")
    contact = (sent.message.value(h.CONTACT) or b"").decode()
    assert contact.startswith(f"<sip:4930@{FRONT}:5060;sf=a")
    assert contact.endswith(">;expires=600")
    assert sent.message.value(h.AUTHORIZATION) is None
    assert b"secret" not in sent.message.data
    assert "secret" not in repr(one.engine.shared.settings)


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered(status: int) -> None:
    one, sent = begun()
    extra = CHALLENGE.format("n1")
    if status == 407:
        extra = extra.replace("WWW-", "Proxy-")
    (proved,) = reply(one, sent, status, extra)
    hid = h.AUTHORIZATION if status == 401 else h.PROXY_AUTHORIZATION
    given = digest.parse(proved.message.value(hid) or b"")
    secret = digest.ha1(b"login", b"carrier", b"secret")
    assert given[b"uri"] == b"sip:carrier.example"
    assert digest.verify(given, secret, b"REGISTER")
    assert proved.message.call_id == sent.message.call_id
    assert proved.message.cseq == sent.message.cseq + 1
    assert accepted(one, proved) == []
    assert state(one) == (200, "", True)


def test_it_comes_back_before_the_end_for_ever() -> None:
    one, sent = begun()
    for _ in range(20):
        accepted(one, sent, 600)
        before = one.now
        sent = asked(one, 0.6 * 600 + 1)
        assert state(one)[2], "it never ended"
        assert one.now - before >= 0.9 * 0.6 * 600 - 1
    assert accepted(one, sent, 10) == []
    assert len(one.wait(8)) == 0, "a carrier that grants next to nothing is not flooded"


def test_a_stale_nonce_is_tried_once_more_and_a_wrong_password_is_not() -> None:
    one, sent = begun()
    (proved,) = reply(one, sent, 401, CHALLENGE.format("n1"))
    (again,) = reply(one, proved, 401, CHALLENGE.format("n2") + ", stale=true")
    assert b'nonce="n2"' in again.message.data
    assert reply(one, again, 401, CHALLENGE.format("n3") + ", stale=true") == []
    assert state(one) == (401, "answered 401", False)
    one, sent = begun()
    (proved,) = reply(one, sent, 401, CHALLENGE.format("n1"))
    assert reply(one, proved, 401, CHALLENGE.format("n2")) == []
    assert one.wait(500) == [], "a carrier bans who guesses"
    assert asked(one, 101)


@pytest.mark.parametrize(
    "extra", ["", "WWW-Authenticate: Basic realm=x", 'WWW-Authenticate: Digest realm="c"', "Foo: 1"]
)
def test_a_challenge_that_cannot_be_answered(extra: str) -> None:
    one, sent = begun()
    assert reply(one, sent, 401, extra) == []
    assert state(one) == (401, "answered 401", False)


def test_a_carrier_that_wants_longer() -> None:
    one, sent = begun()
    (longer,) = reply(one, sent, 423, "Min-Expires: 1800")
    assert b";expires=1800\r\n" in longer.message.data
    assert reply(one, longer, 423, "Min-Expires: 1800") == [], "not in circles"
    one, sent = begun()
    assert reply(one, sent, 423, "Min-Expires: 99999999") == []


def test_the_next_way_and_then_longer_and_longer_pauses() -> None:
    one = World()
    second = one.flows.udp(one.udp, "203.0.113.6", 5060)
    one, sent = begun()
    one.engine.trunk_resolved("carrier", (one.carrier, second), one.now)
    (other,) = reply(one, sent, 503)
    assert other.to == "203.0.113.6"
    assert reply(one, other, 500) == []
    pauses = []
    for _ in range(6):
        before = one.now
        while not (sents := one.wait(1)):
            assert one.now - before < 700
        pauses.append(one.now - before)
        for sent in sents:
            for more in reply(one, sent, 503):
                reply(one, more, 503)
    assert pauses == sorted(pauses)
    assert 26 <= pauses[0] <= 31
    assert 530 <= pauses[-1] <= 601


def test_silence_is_the_next_way_too() -> None:
    one, _ = begun()
    second = one.flows.udp(one.udp, "203.0.113.6", 5060)
    one.engine.trunk_resolved("carrier", (one.carrier, second), one.now)
    sent = [sent for sent in one.wait(33) if sent.to == "203.0.113.6"]
    assert sent
    accepted(one, sent[-1])
    assert state(one) == (200, "", True)
    # The way that worked is asked first from now on.
    again = asked(one, 361)
    assert again.to == "203.0.113.6"


def test_a_registration_lasts_while_the_carrier_is_silent() -> None:
    one, sent = begun()
    accepted(one, sent, 600)
    one.wait(361)
    one.wait(40)
    assert state(one) == (0, "no answer", True)
    one.wait(300)
    assert state(one) == (0, "no answer", False)


def test_a_broken_connection_is_registered_anew() -> None:
    tcp = World().flows.stream(World().tcp, CARRIER, 5060)
    one, sent = begun(tcp)
    assert sent.flow is tcp
    accepted(one, sent)
    one.flows.dropped(tcp)
    one.engine.lost(tcp, one.now, "closed")
    assert one.out() == []
    anew = one.flows.stream(one.tcp, CARRIER, 5060)
    one.engine.trunk_resolved("carrier", (anew,), one.now)
    (sent,) = one.out()
    assert sent.flow is anew
    # The carrier is down: each dial fails, and makes a new flow.  That must not become a circle.
    for _ in range(5):
        one.flows.dropped(anew)
        one.engine.lost(anew, one.now, "refused")
        anew = one.flows.stream(one.tcp, CARRIER, 5060)
        one.engine.trunk_resolved("carrier", (anew,), one.now)
    assert one.out() == []
    assert len(one.wait(31)) == 1


def test_calls_for_the_account_reach_the_active_node() -> None:
    one, sent = begun()
    accepted(one, sent)
    uri = (sent.message.value(h.CONTACT) or b"").decode().partition(">")[0][1:]
    (invite,) = one.hear(
        one.carrier,
        request(
            "INVITE",
            uri,
            via=f"{CARRIER}:5060",
            contact=f"<sip:{CARRIER}>",
            sender="<sip:x@c>;tag=1",
        ),
    )
    assert invite.flow is one.nodes[0]
    assert invite.message.uri == f"sip:4930@{NODE_A}:5060".encode()
    assert b"X-Sipfront-Trunk: carrier\r\n" in invite.message.data


def test_an_account_that_is_taken_away_is_ended_at_the_carrier() -> None:
    one, sent = begun()
    accepted(one, sent)
    trunk = replace(one.engine.shared.settings.trunks[0], register="none")
    one.engine.trunks_changed((trunk,), one.now)
    (bye,) = one.out()
    assert b";expires=0\r\n" in bye.message.data
    (bye,) = reply(one, bye, 401, CHALLENGE.format("n1"))
    assert b";expires=0\r\n" in bye.message.data
    assert reply(one, bye, 200) == []
    assert len(one.engine.shared.enrolments) == 0
    assert one.wait(1000) == []


def test_a_reload_that_changes_nothing_asks_nothing() -> None:
    one, sent = begun()
    accepted(one, sent)
    one.engine.trunks_changed(one.engine.shared.settings.trunks, one.now)
    one.engine.trunk_resolved("carrier", (one.carrier,), one.now)
    assert one.out() == []
    trunk = replace(one.engine.shared.settings.trunks[0], account=Account(b"login", b"other"))
    one.engine.trunks_changed((trunk,), one.now)
    assert len(one.out()) == 2, "the old one is ended, the new one begins"


def test_what_is_new_is_told_once() -> None:
    one, sent = begun()
    accepted(one, sent)
    accepted(one, asked(one, 361))
    told = [notice.event for notice in one.log if hasattr(notice, "event")]
    assert told == ["trunk_registered"]


def test_a_late_answer_of_another_try_changes_nothing() -> None:
    one, sent = begun()
    (proved,) = reply(one, sent, 401, CHALLENGE.format("n1"))
    assert reply(one, sent, 403) == []
    assert accepted(one, proved) == []
    assert state(one) == (200, "", True)


def test_the_table_is_whole() -> None:
    """Every state is left again, every event is for some state, every act is done somewhere."""
    assert {state for state, _ in TABLE} == set(State)
    assert {event for _, event in TABLE} == set(Event)
    assert {act for _, act in TABLE.values()} == set(Act)
    for state, event in TABLE:
        assert event.name in (trunk_client.__doc__ or "")
        assert state.name in (trunk_client.__doc__ or "")
