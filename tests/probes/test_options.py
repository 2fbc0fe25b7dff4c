from __future__ import annotations

import pytest

from probes.exchange import Heard, Match, SilentError
from probes.options import Answer, is_answer, judge, options, question
from probes.sipp import server
from sipfront.sip.errors import SipError
from sipfront.sip.message import scan
from sipfront.sip.uri import parse


class Scripted:
    """An exchange that hands the question to a function."""

    transport = "UDP"
    local = ("127.0.0.5", 5070)

    def __init__(self, status: bytes) -> None:
        self.status = status

    async def ask(self, request: bytes, match: Match, timeout: float) -> Heard:
        if not self.status:
            raise SilentError(f"no answer within {timeout:g} s", 3)
        head, _, rest = request.partition(b"\r\n")
        assert head.startswith(b"OPTIONS ")
        answer = b"SIP/2.0 " + self.status + b"\r\nServer: Some PBX 1.0\r\n" + rest
        assert match(answer)
        return Heard(answer, 2)


def test_the_question_is_a_good_request() -> None:
    data = question(parse(b"sip:ping@[::1]:5080"), "TCP", ("::1", 5070), b"abc")
    message = scan(data)
    assert (message.method, message.uri) == (b"OPTIONS", b"sip:ping@[::1]:5080")
    assert (message.call_id, message.cseq, message.from_tag) == (b"abc@probe", 1, b"abc")
    assert b"Via: SIP/2.0/TCP [::1]:5070;branch=z9hG4bKabc;rport\r\n" in data


def test_only_the_final_answer_to_this_question_counts() -> None:
    request = question(parse(b"sip:h"), "UDP", ("127.0.0.5", 5070), b"abc")
    fields = request.partition(b"\r\n")[2]
    assert is_answer(b"SIP/2.0 404 Not Found\r\n" + fields, b"abc")
    assert not is_answer(b"SIP/2.0 100 Trying\r\n" + fields, b"abc")
    assert not is_answer(b"SIP/2.0 200 OK\r\n" + fields, b"another")
    assert not is_answer(b"SIP/2.0 200 OK\r\n" + fields.replace(b"z9hG4bKabc", b"z9hG4bKx"), b"abc")
    assert not is_answer(request, b"abc")
    assert not is_answer(b"\r\n\r\n", b"abc")


@pytest.mark.parametrize(
    ("status", "alive", "ok"),
    [(b"200 OK", True, True), (b"503 Service Unavailable", True, False), (b"", False, False)],
)
async def test_alive_is_not_ok(status: bytes, alive: bool, ok: bool) -> None:
    answer = await options("sip:h", exchange=Scripted(status))
    assert (answer.alive, answer.ok) == (alive, ok)


async def test_what_an_answer_says() -> None:
    answer = await options("sip:h", exchange=Scripted(b"404 Not Found"))
    assert answer == Answer(
        "sip:h", 404, "Not Found", seconds=answer.seconds, sends=2, agent="Some PBX 1.0"
    )
    assert str(answer).startswith("sip:h: 404 Not Found in ")
    silent = await options("sip:h", exchange=Scripted(b""), timeout=3)
    assert str(silent) == "sip:h: silent: no answer within 3 s"
    assert silent.sends == 3


@pytest.mark.parametrize(
    "target", ["nonsense", "tel:+491234", "sips:h", "sip:h;transport=sctp", "sip:", "sip:a b"]
)
async def test_what_cannot_be_asked(target: str) -> None:
    with pytest.raises(SipError):
        await options(target)


@pytest.mark.usefixtures("sipp")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_real_peer(transport: str) -> None:
    async with server(srcaddr="127.8.40.1", transport=transport).start() as run:
        target = f"sip:127.8.40.1:{run.address[1]};transport={transport}"
        answer = await options(target, local="127.8.40.2")
    assert (answer.status, answer.reason, answer.failure) == (200, "OK", "")
    refused = await options(target)
    assert refused.failure == "refused"


@pytest.mark.parametrize(
    ("status", "good", "text"),
    [
        (b"200 OK", True, "200 OK"),
        (b"404 Not Found", False, "404 Not Found: there is no such extension"),
        (b"503 Service Unavailable", None, "busy: 503 Service Unavailable"),
        (b"401 Unauthorized", False, "401 Unauthorized: the PBX does not know the probe"),
        (b"", False, "no answer within 2 s"),
    ],
)
async def test_what_a_health_extension_says(status: bytes, good: bool | None, text: str) -> None:
    result = judge(await options("sip:health@h", exchange=Scripted(status)))
    assert (result.good, result.text) == (good, text)
