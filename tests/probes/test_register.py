from __future__ import annotations

import asyncio

import pytest

from probes.register import granted, register
from probes.target import Account
from sipfront.demo.node import DemoNode
from sipfront.sip import digest, headers
from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from tests.probes.peers import answer, sip_peer

PROBE = Account("1009", "secret")


def contact(message: Message) -> bytes:
    return message.values(headers.CONTACT)[0]


async def test_a_real_registrar_keeps_it_and_forgets_it_again() -> None:
    node = DemoNode("pbx", "127.8.42.1", 5060, {"1009": "secret"})
    await node.open()
    try:
        result = await register("sip:127.8.42.1", PROBE, local="127.8.42.2")
        assert result.good, result
        assert result.details["status"] == 200
        assert node.counters["registrations"] == 2  # it came, and it was taken away
        wrong = await register("sip:127.8.42.1", Account("1009", "wrong"))
        assert wrong.good is False
        assert "403" in wrong.text or "refused" in wrong.text
    finally:
        node.kill()


async def test_200_without_our_contact_is_not_registered() -> None:
    others = b"Contact: <sip:1009@10.1.1.1>;expires=60, <sip:old@10.1.1.2>;expires=7\r\n"
    async with sip_peer(answer(200, others)) as (peer, at):
        result = await register(f"sip:{at}", PROBE)
        assert result.good is False
        assert "without our Contact" in result.text
        assert peer.methods == [b"REGISTER"]
    async with sip_peer(answer(200)) as (_, at):
        assert (await register(f"sip:{at}", PROBE)).good is False


async def test_each_question_has_a_contact_that_was_never_there() -> None:
    async with sip_peer(answer(200)) as (peer, at):
        await register(f"sip:{at}", PROBE)
        await register(f"sip:{at}", PROBE)
        first, second = (contact(message) for message in peer.asked)
    assert first.partition(b"@")[0] != second.partition(b"@")[0]


@pytest.mark.parametrize("algorithm", [b"MD5", b"SHA-256", b"SHA-256-sess"])
async def test_digest(algorithm: bytes) -> None:
    def answers(message: Message) -> list[bytes]:
        given = message.values(headers.AUTHORIZATION)
        if not given:
            asked = digest.challenge(b"example.com", b"n1", algorithm=algorithm)
            unknown = b"WWW-Authenticate: Digest realm=x, nonce=y, algorithm=SHA-512-256\r\n"
            return [reply(message, 401, extra=unknown + b"WWW-Authenticate: " + asked + b"\r\n")]
        secret = digest.ha1(b"1009", b"example.com", b"secret", algorithm)
        right = digest.verify(digest.parse(given[0]), secret, b"REGISTER")
        line = b"Contact: %b;expires=55\r\n" % contact(message)
        return [reply(message, 200 if right else 403, extra=line)]

    async with sip_peer(answers) as (peer, at):
        result = await register(f"sip:{at}", PROBE)
    assert (result.good, result.details["expires"]) == (True, 55)
    removed = peer.asked[-1]
    assert removed.values(headers.EXPIRES) == [b"0"]


async def test_a_longer_expiry_is_accepted() -> None:
    def answers(message: Message) -> list[bytes]:
        asked = int(message.values(headers.EXPIRES)[0])
        if asked and asked < 300:
            return [reply(message, 423, extra=b"Min-Expires: 300\r\n")]
        return [reply(message, 200, extra=b"Contact: %b\r\nExpires: 300\r\n" % contact(message))]

    async with sip_peer(answers) as (_, at):
        result = await register(f"sip:{at}", PROBE)
    assert (result.good, result.details["expires"]) == (True, 300)


@pytest.mark.parametrize(
    ("status", "good"), [(503, None), (500, False), (403, False), (404, False)]
)
async def test_what_other_answers_mean(status: int, good: bool | None) -> None:
    async with sip_peer(answer(status)) as (_, at):
        assert (await register(f"sip:{at}", PROBE)).good is good


async def test_endless_challenges_end() -> None:
    asked = b"WWW-Authenticate: " + digest.challenge(b"r", b"n", stale=True) + b"\r\n"
    async with sip_peer(answer(401, asked)) as (peer, at):
        assert (await register(f"sip:{at}", PROBE)).good is False
        assert len(peer.asked) == 5


async def test_silence_and_refusal() -> None:
    async with sip_peer(lambda _: []) as (_, at):
        silent = await register(f"sip:{at}", PROBE, timeout=0.1)
    assert (silent.good, silent.text) == (False, "no answer within 0.1 s")
    await asyncio.sleep(0)
    refused = await register(f"sip:{at}", PROBE, timeout=0.5)
    assert (refused.good, refused.text[:7]) == (False, "refused")
    with pytest.raises(SipError):
        await register("nonsense", PROBE)


def test_a_contact_that_expires_now_is_none() -> None:
    ok = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
    ok += b"To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: %b\r\n\r\n"
    ours = b"<sip:probe-1@h:5>"
    assert granted(scan(ok % b"<sip:probe-1@h:5>;expires=0"), ours) is None
    assert granted(scan(ok % b'"a, b" <sip:x@h>, <sip:probe-1@h:5>;expires=9'), ours) == 9
    assert granted(scan(ok % b"*"), ours) is None
