"""Light nodes answer as nodes do."""

from __future__ import annotations

from bench.answerer import SDP, answered
from bench.world import Call, World, register
from sipfront.sip.message import scan

OWN = b"Contact: <sip:node@127.0.10.13:5060>\r\n"


def test_a_call_is_answered_at_once() -> None:
    world = World()
    ringing, answer = map(scan, answered(Call(1, world.phone(1)).invite(), OWN))
    assert (ringing.status, answer.status) == (180, 200)
    assert ringing.to_tag == answer.to_tag == b"bench"
    assert answer.body == SDP


def test_a_registration_is_granted_as_asked() -> None:
    world = World()
    (answer,) = map(scan, answered(register(5, world.phone(5), 1), OWN))
    assert answer.status == 200
    from sipfront.sip import headers as h

    assert answer.value(h.CONTACT) == b"<sip:u5@198.18.0.0:20005;ob>;expires=3600"


def test_what_is_no_request_for_it_is_not_answered() -> None:
    world = World()
    call = Call(1, world.phone(1))
    call.target = b"sip:node@127.0.10.13"
    assert answered(call.request(b"ACK", 1), OWN) == []
    assert answered(b"\r\n\r\n", OWN) == []
    (ended,) = map(scan, answered(call.request(b"BYE", 2), OWN))
    assert ended.status == 200
