"""Nobody comes in without credentials: the real Asterisk, configured as recommended, refuses.

All of these would enter as the trunk, or as anybody, on a PBX that tells its peers apart by
address (which is the front's for everybody) or by the user in From.
"""

from __future__ import annotations

import pytest

from tests.lab.asterisk import password
from tests.lab.capture import Capture
from tests.lab.conftest import Pair
from tests.lab.front import Front
from tests.lab.phones.raw import RawPhone

FORGED = (
    "X-Sipfront-Trunk: carrier",
    "x-sipfront-trunk : carrier",
    "X-SIPFRONT-TRUNK:\r\n carrier",
    "X-Sipfront-Probe: 1",
    "X-Sipfront-Source: 127.0.2.1:5060;transport=udp",
)
SENDERS = (
    "<sip:carrier@example.com>",
    "<sip:carrier@127.0.0.11>",
    "<sip:probe@example.com>",
    "<sip:front@example.com>",
    '"Anonymous" <sip:anonymous@anonymous.invalid>',
    "<sip:nobody@example.com>",
)


@pytest.mark.parametrize("target", ["600", "1001", "9004912345"])
async def test_strangers_are_refused(pair: Pair, front: Front, target: str) -> None:
    async with RawPhone("nobody", "127.0.3.1") as stranger:
        for sender in SENDERS:
            for headers in ((), FORGED):
                answer = await stranger.ask(
                    stranger.request(
                        "INVITE",
                        f"sip:{target}@example.com",
                        sender=sender,
                        headers=headers,
                        body=stranger.sdp(),
                    )
                )
                assert answer.status in (401, 403), (sender, headers, answer.text)
    for node in pair:
        assert await node.channels() == []


async def test_wrong_credentials_end_in_a_ban(pair: Pair, front: Front, capture: Capture) -> None:
    async with RawPhone("1001", "127.0.3.2") as stranger:
        for _ in range(10):
            answer = await stranger.ask_with("wrong", "REGISTER", "sip:example.com")
            assert answer.status in (401, 403)
        passed = len(capture.find(target=pair.a.ip, start="REGISTER"))
        # Now even the right password does not get through.
        with pytest.raises(AssertionError, match="not within"):
            await stranger.ask(stranger.request("REGISTER", "sip:example.com"), limit=1)
        assert len(capture.find(target=pair.a.ip, start="REGISTER")) == passed
    assert "rejected host=127.0.3.2" in front.log.read_text()
    async with RawPhone("1001", "127.0.3.3") as owner:
        await owner.register(password("1001"))


async def test_forged_headers_do_not_reach_the_node(
    pair: Pair, front: Front, capture: Capture
) -> None:
    async with RawPhone("1001", "127.0.3.4") as phone:
        await phone.register(password("1001"))
        answer = await phone.ask_with(
            password("1001"),
            "OPTIONS",
            "sip:1001@example.com",
            headers=FORGED,
        )
        assert answer.status
    forged = list(capture.find(target=pair.a.ip, start="OPTIONS sip:1001"))
    for packet in forged:
        lines = [line for line in packet.head.split(b"\r\n") if b"sipfront-" in line.lower()]
        assert all(line.startswith(b"X-Sipfront-Source: 127.0.3.4:") for line in lines), lines


async def test_the_front_is_no_open_relay(front: Front, capture: Capture) -> None:
    async with RawPhone("nobody", "127.0.3.5") as stranger, RawPhone("x", "127.0.4.4") as victim:
        there = f"sip:x@{victim.ip}:{victim.port}"
        for headers in ((), (f"Route: <{there};lr>",)):
            for method in ("INVITE", "MESSAGE", "OPTIONS"):
                answer = await stranger.ask(stranger.request(method, there, headers=headers))
                assert 400 <= answer.status < 500, answer.text
        assert victim.inbox == []
