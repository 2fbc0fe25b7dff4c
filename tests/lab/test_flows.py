"""Phones on connections before the real pair: browsers over WebSocket, and connections that break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lab.asterisk import password
from tests.lab.browser import WebRtcPhone, chromium
from tests.lab.capture import Capture
from tests.lab.conftest import Pair, front_section
from tests.lab.front import ADDRESS, Front, configuration
from tests.lab.leaks import leaks
from tests.lab.phones.raw import Message, RawPhone
from tests.lab.phones.streams import StreamPhone, WebPhone

WEB = (ADDRESS, 8080)
#: A phone that is not there is not waited for.
AT_ONCE = 0.1
INSIDE_PORT = 5062


@pytest.fixture
async def front(pair: Pair, tmp_path: Path, capture: Capture) -> AsyncIterator[Front]:
    """A front that takes WebSockets as well."""
    folder = tmp_path / "front"
    section = front_section(folder)
    section["listen"] += [f"ws://{WEB[0]}:{WEB[1]}", f"wss://{ADDRESS}:8443"]
    front = Front(folder, configuration(folder, front=section, log={"level": "debug"}))
    await front.start()
    try:
        yield front
    finally:
        await pair.quiet()
        await front.stop()
    capture.stop()
    found = leaks(capture.packets, [])
    assert not found, "\n".join(found[:20])


def rings(phone: RawPhone) -> None:
    """It answers every call at once, and whatever else it is asked."""

    def react(message: Message) -> list[str]:
        if message.method == "ACK":
            return []
        extra = [f"Contact: <sip:{phone.user}@{phone.address}>"]
        text = phone.answer(message, 200, "OK", *extra)
        if message.method == "INVITE":
            body = phone.sdp()
            head = text.replace(
                "Content-Length: 0\r\n",
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
            )
            return [phone.answer(message, 180, "Ringing", *extra), head + body]
        return [text]

    phone.react = react


async def call(caller: RawPhone, to: str) -> tuple[Message, float]:
    """Call an extension; the answer, and the seconds that it took."""
    begun = time.monotonic()
    answer = await caller.ask_with(
        password(caller.user), "INVITE", f"sip:{to}@example.com", body=caller.sdp()
    )
    return answer, time.monotonic() - begun


async def test_a_browser_registers_is_called_and_survives_a_failover(
    pair: Pair, front: Front
) -> None:
    caller = RawPhone("1002", "127.0.1.52")
    async with WebPhone("1001", "127.0.1.51", server=WEB) as phone, caller:
        rings(phone)
        await phone.register(password("1001"))
        await caller.register(password("1002"))
        answer, _ = await call(caller, "1001")
        assert answer.status == 200, answer.text
        await caller.hang_up(answer)
        asked = await phone.ask_with(
            password("1001"), "INVITE", "sip:601@example.com", body=phone.sdp()
        )
        assert asked.status == 200, asked.text
        await phone.hang_up(asked)
        registers = len([m for m in phone.inbox if "REGISTER" in m.header("CSeq")])
        pair.a.kill()
        begun = time.monotonic()
        answer, took = await call(caller, "1001")
        assert answer.status == 200, answer.text
        await front.until_active("pbx-b")
        print(f"the browser's first call after the kill: answered after {took:.3f} s, ", end="")
        print(f"{time.monotonic() - begun:.3f} s after the kill; no REGISTER out of turn")
        await caller.hang_up(answer)
        assert len([m for m in phone.inbox if "REGISTER" in m.header("CSeq")]) == registers


async def test_a_real_browser_is_a_phone(pair: Pair, front: Front) -> None:
    """JsSIP in Chromium, in clear and with TLS: registered, called, and called after a failover."""
    caller = RawPhone("1003", "127.0.1.53")
    async with chromium() as browser, caller:
        await caller.register(password("1003"))
        urls = {"1001": f"ws://{WEB[0]}:{WEB[1]}/", "1002": f"wss://{ADDRESS}:8443/phone"}
        phones = [await WebRtcPhone.open(browser, user, url) for user, url in urls.items()]
        for phone in phones:
            await phone.until("registered")
            await rejected(caller, phone, "before")
        pair.a.kill()
        begun = time.monotonic()
        for phone in phones:
            await rejected(caller, phone, "after")
            took = time.monotonic() - begun
            print(f"the browser over {phone.url[:3]}: rings {took:.2f} s after the kill")
        await front.until_active("pbx-b")
        for phone in phones:
            assert (await phone.seen()).count("registered") == 1, "no REGISTER out of turn"
            await phone.close()


async def rejected(caller: RawPhone, phone: WebRtcPhone, mark: str) -> None:
    """Call a browser; it rings, and its user does not want to talk."""
    rang = (await phone.seen()).count("rings")
    answer, _ = await call(caller, phone.user)
    assert (await phone.seen()).count("rings") == rang + 1, (mark, answer.text)
    assert answer.status == 486, (mark, answer.text)


@pytest.mark.parametrize("kind", ["tcp", "ws"])
async def test_a_cut_connection_is_480_at_once_and_back_when_it_is_back(
    pair: Pair, front: Front, capture: Capture, kind: str
) -> None:
    phone: StreamPhone = (
        StreamPhone("1001", "127.0.1.51")
        if kind == "tcp"
        else WebPhone("1001", "127.0.1.51", server=WEB)
    )
    async with phone, RawPhone("1002", "127.0.1.52") as caller, RawPhone("1003", "127.0.1.53") as x:
        rings(phone)
        await phone.register(password("1001"))
        await caller.register(password("1002"))
        await x.register(password("1003"))
        standing, _ = await call(caller, "1001")
        assert standing.status == 200, standing.text
        since = len(phone.inbox)
        await phone.cut()
        await gone(front)
        missed, _ = await call(x, "1001")  # the dial plan ends it in the voice mail
        await x.hang_up(missed)
        (refusal,) = await refused(capture)
        print(f"{kind}: with its connection cut, a call to it gets 480 after {refusal:.4f} s")
        assert refusal < AT_ONCE
        await phone.connect()
        await phone.register(password("1001"))
        again, _ = await call(x, "1001")
        assert again.status == 200, again.text
        await x.hang_up(again)
        # The old call: the other party hangs up, and the phone hears it by its new connection.
        await caller.hang_up(standing)
        bye = await phone.wait(lambda m: m.method == "BYE", since=since)
        assert bye.header("Call-ID")


async def refused(capture: Capture) -> list[float]:
    """For each INVITE of a node that got 480 from the front: the seconds between the two."""
    async with asyncio.timeout(5):
        while True:
            packets = list(capture.packets)
            asked = {
                (p.header("Call-ID"), p.header("CSeq")): p.at
                for p in packets
                if p.first_line.startswith("INVITE sip:1001@") and p.target[1] == INSIDE_PORT
            }
            took = [
                p.at - asked[p.header("Call-ID"), p.header("CSeq")]
                for p in packets
                if p.first_line.startswith("SIP/2.0 480") and p.source[1] == INSIDE_PORT
            ]
            if took:
                return took
            await asyncio.sleep(0.01)


async def gone(front: Front) -> None:
    """Wait until the front has noticed."""
    async with asyncio.timeout(5):
        while True:
            status = await front.status()
            if any(name.startswith("lost: ") for name in status["counters"]):
                return
            await asyncio.sleep(0.01)
