"""Which exceptions are about whom."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipfront.sip.message import Message, scan
from sipfront.stack.peers import about, two_early_dialogs
from sipfront.stack.settings import PeerRule, Trunk
from tests.stack.world import World, octets, request

NET = ip_network("198.51.100.0/24")
OLD = re.compile(rb"old.*", re.IGNORECASE)


def invite(agent: str = "") -> Message:
    extra = f"User-Agent: {agent}" if agent else ""
    return scan(octets(request("INVITE", "sip:1@example.com", extra=extra)))


@pytest.mark.parametrize(
    ("rule", "host", "agent", "fits"),
    [
        (PeerRule((NET,)), "198.51.100.7", "", True),
        (PeerRule((NET,)), "198.51.101.7", "", False),
        (PeerRule((NET,)), "2001:db8::7", "", False),
        (PeerRule((NET,), OLD), "198.51.100.7", "OldPhone", True),
        (PeerRule((NET,), OLD), "198.51.100.7", "New", False),
        (PeerRule((NET,), OLD), "198.51.100.7", "", False),
        (PeerRule((NET,), OLD), "203.0.113.1", "OldPhone", False),
        (PeerRule((), OLD), "2001:db8::7", "OLD/1", True),
    ],
)
def test_whom_it_is_about(rule: PeerRule, host: str, agent: str, fits: bool) -> None:
    assert list(about((rule,), host, invite(agent))) == [rule] * fits


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ((), True),
        ((False,), False),
        ((None, False), False),
        ((True, False), True),
        ((None,), True),
    ],
)
def test_the_first_that_says_something(says: tuple[bool | None, ...], expected: bool) -> None:
    settings = World().settings
    assert settings is not None
    rules = tuple(PeerRule((NET,), None, word) for word in says)
    settings = replace(settings, peers=rules)
    assert two_early_dialogs(settings, "", "198.51.100.7", invite()) is expected


def test_a_trunk_is_known_by_its_name() -> None:
    settings = World().settings
    assert settings is not None
    settings = replace(
        settings,
        trunks=(
            Trunk("good", b"a", 5060, 0),
            Trunk("bad", b"b", 5060, 0, (), two_early_dialogs=False),
        ),
    )
    assert two_early_dialogs(settings, "good", "203.0.113.1", invite())
    assert not two_early_dialogs(settings, "bad", "203.0.113.1", invite())
