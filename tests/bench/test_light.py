"""The light caller: streams cut into messages, and a call from INVITE to the answer of its BYE."""

from __future__ import annotations

import pytest

from bench.answerer import answered
from bench.light import Calls, cut
from sipfront.sip import headers as h
from sipfront.sip.message import scan

NODE = b"Contact: <sip:node@127.0.10.13:5060>\r\n"
OWN = b"127.0.0.1:40000"


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_a_stream_is_cut_however_it_comes(size: int) -> None:
    calls = Calls("tcp", "example.com")
    whole = [calls.invite(number, OWN, 0.0) for number in range(3)]
    stream = b"\r\n\r\n".join(whole) + b"\r\n\r\n" + whole[0][:50]
    found, rest = [], b""
    for at in range(0, len(stream), size):
        made, rest = cut(rest + stream[at : at + size])
        found += made
    assert found == whole
    assert rest == whole[0][:50]


def test_a_call_from_its_invite_to_the_answer_of_its_bye() -> None:
    calls = Calls("tls", "example.com")
    invite = calls.invite(1, OWN, 10.0)
    routed = invite.replace(
        b"\r\nContact:", b"\r\nRecord-Route: <sip:b;lr>\r\nRecord-Route: <sip:a;lr>\r\nContact:", 1
    )
    ringing, answer = answered(routed, NODE)
    assert calls.heard(ringing, OWN, 10.1) == b""
    (ack, bye), rest = cut(calls.heard(answer, OWN, 10.2))
    assert rest == b""
    assert calls.set_up == [pytest.approx(0.2)]
    for data, method in ((ack, b"ACK"), (bye, b"BYE")):
        request = scan(data)
        assert request.method == method
        assert request.uri == b"sip:node@127.0.10.13:5060"
        assert request.to_tag == b"bench"
        assert list(request.values(h.ROUTE)) == [b"<sip:a;lr>", b"<sip:b;lr>"]
    (ended,) = answered(bye, NODE)
    assert calls.heard(ended, OWN, 10.3) == b""
    assert (calls.done, calls.refused, calls.begun) == (1, 0, {})


def test_a_refused_call_is_counted_and_forgotten() -> None:
    calls = Calls("tcp", "example.com")
    invite = calls.invite(1, OWN, 10.0)
    (ok, _) = answered(invite, NODE)
    assert calls.heard(ok.replace(b"180 Ringing", b"503 Busy"), OWN, 10.1) == b""
    assert (calls.done, calls.refused, calls.begun) == (0, 1, {})
