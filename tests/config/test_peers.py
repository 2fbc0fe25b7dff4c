"""Exceptions for peers: whom they are about, and what is wrong with them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.config.build import config, said


def test_an_exception() -> None:
    (rule,) = config(
        peers=[
            {"networks": ["198.51.100.0/24"], "user_agent": "Old*/1.?", "two_early_dialogs": False}
        ]
    ).peers
    assert rule.networks == (ip_network("198.51.100.0/24"),)
    assert rule.two_early_dialogs is False
    pattern = rule.agent_pattern
    assert pattern is not None
    assert pattern.match(b"oldGateway (x)/1.7")
    assert not pattern.match(b"OldGateway/1.70")
    assert not pattern.match(b"An OldGateway/1.7")


def test_what_is_left_out_says_nothing() -> None:
    (rule,) = config(peers=[{"networks": ["198.51.100.7"], "user_agent": None}]).peers
    assert rule.agent_pattern is None
    assert rule.two_early_dialogs is None
    assert rule.phone_expiry is None
    assert config().peers == ()
    assert config(trunks=[{"name": "c", "uri": "sip:10.9.9.9"}]).trunks[0].two_early_dialogs


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"two_early_dialogs": False}, "peers[0]: says of nobody whom it is about"),
        ({"networks": ["x"]}, "peers[0].networks[0]: "),
        ({"user_agent": ""}, "peers[0].user_agent: "),
        ({"user_agent": "x", "two_early_dialogs": "perhaps"}, "must be true or false"),
        (
            {"useragent": "x"},
            "peers[0].useragent: is not a key that is known here; is it user_agent",
        ),
    ],
)
def test_what_is_wrong_with_it(entry: dict[str, object], what: str) -> None:
    lines = said(peers=[entry])
    assert any(what in line for line in lines), lines
