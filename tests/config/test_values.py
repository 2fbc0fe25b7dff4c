from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipfront.config import values
from sipfront.config.values import Advertised, Endpoint, PeerUri

PARSERS = [
    values.parse_duration,
    values.parse_listen,
    values.parse_http,
    values.parse_advertised,
    values.parse_peer,
    values.parse_network,
    values.parse_address,
    values.parse_host,
    values.parse_name,
    values.parse_number,
]


@pytest.mark.parametrize("parser", PARSERS)
@settings(deadline=None)
@given(
    text=st.text(max_size=40)
    | st.text("0123456789.:/[]@;=ustcplhmd*%?- fF", max_size=40)
    | st.none()
    | st.lists(st.text())
    | st.booleans()
)
def test_garbage_ends_in_value_errors_only(parser, text) -> None:  # type: ignore[no-untyped-def]
    with suppress(ValueError):
        parser(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("3s", 3), ("2m", 120), ("1h", 3600), ("1d", 86400), ("1.5 s", 1.5), ("0", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["3", "3 sec", "-1s", "s", "1e3s", "500d", "٣s", "", "infs"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        values.parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 86_400_000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert values.parse_duration(values.format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("udp://192.0.2.10:5060", Endpoint("udp", "192.0.2.10", 5060)),
        ("TCP://192.0.2.10", Endpoint("tcp", "192.0.2.10", 5060)),
        ("tls://192.0.2.10", Endpoint("tls", "192.0.2.10", 5061)),
        ("ws://192.0.2.10", Endpoint("ws", "192.0.2.10", 80)),
        ("wss://192.0.2.10:8443", Endpoint("wss", "192.0.2.10", 8443)),
        ("tls://[2001:DB8::1]:5071", Endpoint("tls", "2001:db8::1", 5071)),
        ("udp://[::]", Endpoint("udp", "::", 5060)),
        ("udp://*:5080", Endpoint("udp", "0.0.0.0", 5080)),
    ],
)
def test_listeners(text: str, endpoint: Endpoint) -> None:
    assert values.parse_listen(text) == endpoint
    assert values.parse_listen(str(endpoint)) == endpoint
    assert values.parse_listen(endpoint) is endpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("192.0.2.10:5060", "write it as udp://"),
        ("sctp://192.0.2.10", "use udp, tcp, tls"),
        ("udp://sip.example.com", "must be an IP address"),
        ("udp://2001:db8::1:5060", "needs brackets"),
        ("udp://[2001:db8::1", "in brackets"),
        ("udp://[192.0.2.1]", "in brackets"),
        ("udp://[fe80::1%eth0]", "brackets|zone"),
        ("udp://[::1]x", "is not understood"),
        ("udp://192.0.2.256", "not an IPv4 address"),
        ("udp://192.0.2.10:0", "not a port"),
        ("udp://192.0.2.10:65536", "not a port"),
        ("udp://192.0.2.10:", "not a port"),
        ("udp://", "a host is missing"),
    ],
)
def test_what_is_no_listener(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        values.parse_listen(text)


def test_who_covers_whom() -> None:
    every, one = Endpoint("udp", "0.0.0.0", 5060), Endpoint("tcp", "192.0.2.1", 5060)
    assert every.covers(one)
    assert not one.covers(every)
    assert not every.covers(one._replace(port=5062))
    assert not Endpoint("udp", "::", 5060).covers(one)
    assert every.wildcard
    assert (one.version, Endpoint("udp", "::", 1).version) == (4, 6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("192.0.2.10", Advertised("192.0.2.10", None)),
        ("192.0.2.10:5080", Advertised("192.0.2.10", 5080)),
        ("2001:db8::1", Advertised("2001:db8::1", None)),
        ("[2001:db8::1]:5061", Advertised("2001:db8::1", 5061)),
        ("SIP.Example.com", Advertised("sip.example.com", None)),
    ],
)
def test_advertised(text: str, told: Advertised) -> None:
    assert values.parse_advertised(text) == told
    assert values.parse_advertised(str(told)) == told
    assert told.is_name == text.endswith("com")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:10.0.0.11:5060", PeerUri("sip", "10.0.0.11", 5060, "udp", False)),
        ("sip:10.0.0.11;transport=TCP", PeerUri("sip", "10.0.0.11", None, "tcp", True)),
        ("sips:sip.example.com", PeerUri("sips", "sip.example.com", None, "tls", False)),
        (
            "sips:sip.example.com;transport=tcp",
            PeerUri("sips", "sip.example.com", None, "tls", True),
        ),
        ("sip:[2001:db8::1]:5070;lr", PeerUri("sip", "2001:db8::1", 5070, "udp", False)),
    ],
)
def test_peers(text: str, uri: PeerUri) -> None:
    assert values.parse_peer(text) == uri
    assert values.parse_peer(str(uri)) == uri
    assert uri.effective_port == (uri.port or (5061 if uri.transport == "tls" else 5060))
    assert uri.is_name == ("example" in text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.11:5060", "write it as sip:"),
        ("tel:112", "write it as sip:"),
        ("sip://10.0.0.11", "write it as sip:"),
        ("sip:100@10.0.0.11", "no user part"),
        ("sip:10.0.0.11?Subject=x", "no headers|not a"),
        ("sip:10.0.0.11;maddr=1.2.3.4", "only ;transport="),
        ("sip:10.0.0.11;transport=ws", "for phones in browsers"),
        ("sip:10.0.0.11;transport=sctp", "use udp, tcp or tls"),
        ("sips:10.0.0.11;transport=udp", "means TLS"),
        ("sip:-x-.example", "neither"),
        ("sip:" + "a." * 130 + "com", "neither"),
    ],
)
def test_what_is_no_peer(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        values.parse_peer(text)


def test_networks() -> None:
    assert values.parse_network("10.0.0.0/8") == ip_network("10.0.0.0/8")
    assert values.parse_network("10.1.2.3") == ip_network("10.1.2.3/32")
    with pytest.raises(ValueError, match=r"the network is 10\.0\.0\.0/8"):
        values.parse_network("10.1.2.3/8")
    with pytest.raises(ValueError, match="neither a network nor an address"):
        values.parse_network("lan")


def test_hosts_addresses_names_and_numbers() -> None:
    assert values.parse_host("Example.COM.") == "example.com"
    assert values.parse_host("[::1]") == values.parse_host("::1") == "::1"
    assert values.parse_address("10.0.0.1") == "10.0.0.1"
    with pytest.raises(ValueError, match="not an IP address"):
        values.parse_address("router")
    assert values.parse_name("pbx-a.1") == "pbx-a.1"
    for bad in ("pbx a", "-a", "a" * 33, 'a"', "a\n"):
        with pytest.raises(ValueError, match="name"):
            values.parse_name(bad + "x" if bad.endswith("\n") else bad)
    assert values.parse_number("*21#") == "*21#"
    with pytest.raises(ValueError, match="not a number"):
        values.parse_number("1 1 2")
