"""What phones are told: NAT, LAN, connections."""

from __future__ import annotations

import re
from ipaddress import ip_network

from sipfront.stack import expiry
from sipfront.stack.expiry import Expiries
from sipfront.stack.flows import Flow, Listener, Transport
from sipfront.stack.settings import PeerRule, Registering

UDP = Listener(0, Transport.UDP, b"192.0.2.1", 5060, inside=False, bound=("192.0.2.1", 5060))
TLS = Listener(1, Transport.TLS, b"192.0.2.1", 5061, inside=False, bound=("192.0.2.1", 5061))
LOCAL = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))


def of(listener: Listener, source: str, contact: str) -> int:
    expiries = Expiries(Registering(phone_expiry=60, lan_expiry=300), LOCAL)
    first = expiries.of(Flow(1, listener, source, 5060), contact.encode(), b"x")
    assert expiries.of(Flow(2, listener, source, 5060), contact.encode(), b"x") == first
    return first


def test_who_is_told_what() -> None:
    assert of(UDP, "10.1.0.5", "10.1.0.5") == 300
    assert of(UDP, "10.1.0.5", "192.168.0.5") == 60, "a NAT inside the company"
    assert of(UDP, "198.51.100.5", "198.51.100.5") == 60, "elsewhere nobody knows"
    assert of(UDP, "2001:db8::5", "[2001:db8::5]") == 300
    assert of(TLS, "198.51.100.5", "192.168.0.5") == 300


def test_exceptions_by_network_and_user_agent() -> None:
    """The first rule that fits and says something counts."""
    yealink = re.compile(rb"yealink.*", re.IGNORECASE)
    office = (ip_network("203.0.113.0/24"),)
    rules = (
        PeerRule(two_early_dialogs=False),
        PeerRule(office, yealink, phone_expiry=90),
        PeerRule(office, phone_expiry=120),
        PeerRule(agent=yealink, phone_expiry=30),
    )
    expiries = Expiries(Registering(phone_expiry=60, lan_expiry=300), LOCAL, rules)

    def told(source: str, agent: bytes) -> int:
        return expiries.of(Flow(1, UDP, source, 5060), b"192.168.0.5", agent)

    assert told("203.0.113.7", b"Yealink SIP-T46S") == 90
    assert told("203.0.113.7", b"Snom") == 120
    assert told("203.0.113.7", b"") == 120
    assert told("198.51.100.7", b"yealink") == 30
    assert told("198.51.100.7", b"Snom") == 60


def test_what_is_remembered_is_bounded() -> None:
    expiries = Expiries(Registering(phone_expiry=60), LOCAL)
    flow = Flow(1, UDP, "198.51.100.5", 5060)
    for number in range(expiry.MAX_KNOWN + 5):
        assert expiries.of(flow, b"x", b"agent %d" % number) == 60
    assert len(expiries._known) <= expiry.MAX_KNOWN
