from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Malformed
from sipfront.sip.via import Via, by_method, by_octet, parse


@pytest.mark.parametrize(
    ("value", "transport", "host", "port", "branch"),
    [
        (b"SIP/2.0/UDP host5.example.com;branch=z9hG4bK1", b"UDP", b"host5.example.com", None, b"z9hG4bK1"),
        (b"SIP/2.0/tcp [2001:db8::9:1]:5061;branch=x", b"TCP", b"[2001:db8::9:1]", 5061, b"x"),
        (b"SIP/2.0/UDP iftgw.example.com", b"UDP", b"iftgw.example.com", None, b""),
        (b"SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en", b"UNKNOWN", b"t4.example.com", None, b"z9hG4bKasd0f3en"),
        (b"SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234", b"TCP", b"host.example.com", None, b"z9hG4bK209%fzsnel234"),
        # RFC 4475 3.1.1.1
        (b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw", b"UDP", b"192.0.2.2", None, b"390skdjuw"),
        (b"SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ", b"TCP", b"spindle.example.com", None, b"z9hG4bK9ikj8"),
        (b"SIP/2.0/UDP 192.0.2.1 : 5070 ;branch=a", b"UDP", b"192.0.2.1", 5070, b"a"),
        (b"SIP/2.0/UDP [::1] : 5070", b"UDP", b"[::1]", 5070, b""),
    ],
)  # fmt: skip
def test_parts(
    value: bytes, transport: bytes, host: bytes, port: int | None, branch: bytes
) -> None:
    via = Via.parse(value)
    assert via.protocol == b"SIP/2.0"
    assert (via.transport, via.host, via.port, via.branch) == (transport, host, port, branch)


def test_params() -> None:
    via = parse(b'SIP/2.0/UDP h;rport;received=2001:db8::1;ttl=16;maddr=[::1];branch=a;x="a;b"')
    assert via.param(b"rport") == b""
    assert via.param(b"received") == b"2001:db8::1"
    assert via.param(b"maddr") == b"[::1]"
    assert via.param(b"x") == b'"a;b"'
    assert via.param(b"y") is None
    assert via.params.startswith(b";rport;")


def test_another_protocol_can_be_answered() -> None:
    assert parse(b"SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw").protocol == b"SIP/7.0"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/2.0/UDP ",
        b"SIP/2.0/ ",
        b"SIP/2.0 UDP h",
        b"/2.0/UDP h",
        b"SIP//UDP h",
        b"SIP/2.0/U@P h",
        b"SIP/2.0/UDP h:",
        b"SIP/2.0/UDP h:0",
        b"SIP/2.0/UDP h:99999",
        b"SIP/2.0/UDP h:5060x",
        b"SIP/2.0/UDP :5060",
        b"SIP/2.0/UDP a b",
        b"SIP/2.0/UDP a,b",
        b"SIP/2.0/UDP ::1",
        b"SIP/2.0/UDP [::1",
        b"SIP/2.0/UDP [: :1]:5060",
        b"SIP/2.0/UDP 192.0.2.15;;,;,,",
        b"SIP/2.0/UDP h;",
        b"SIP/2.0/UDP h;branch=a;branch=b",
        b"SIP/2.0/UDP h;branch=a b",
        b"SIP/2.0/UDP h;x=\"",
        b"SIP/2.0/UDP h\r\n;x",
        b"SIP/2.0/UDP h\x00",
    ],
)  # fmt: skip
def test_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(value)


@pytest.mark.parametrize(
    ("value", "stamped"),
    [
        (b"SIP/2.0/UDP 192.0.2.9;branch=a", b"SIP/2.0/UDP 192.0.2.9;branch=a"),
        (b"SIP/2.0/UDP 10.0.0.1:5060;branch=a", b"SIP/2.0/UDP 10.0.0.1:5060;branch=a;received=192.0.2.9"),
        (b"SIP/2.0/UDP h ; rport ; branch = a", b"SIP/2.0/UDP h ;rport=4000; branch = a;received=192.0.2.9"),
        (b"SIP/2.0/UDP 192.0.2.9;rport;branch=a", b"SIP/2.0/UDP 192.0.2.9;rport=4000;branch=a;received=192.0.2.9"),
        (b"SIP/2.0/UDP 192.0.2.9;received=1.1.1.1;branch=a", b"SIP/2.0/UDP 192.0.2.9;branch=a"),
        (b"SIP/2.0/UDP h;Received=1.1.1.1;rport=1", b"SIP/2.0/UDP h;rport=4000;received=192.0.2.9"),
    ],
)  # fmt: skip
def test_stamped(value: bytes, stamped: bytes) -> None:
    assert parse(value).stamped(b"192.0.2.9", 4000) == stamped


def test_stamped_ipv6() -> None:
    via = parse(b"SIP/2.0/UDP [2001:DB8:0::1];branch=a")
    assert via.stamped(b"2001:db8::1", 1) == b"SIP/2.0/UDP [2001:DB8:0::1];branch=a"
    assert via.stamped(b"2001:db8::2", 1).endswith(b";branch=a;received=2001:db8::2")


_BLANK = st.sampled_from([b"", b" ", b"\t", b"\r\n  "])


@given(
    st.sampled_from([b"UDP", b"TCP", b"TLS", b"WSS"]),
    st.sampled_from([b"192.0.2.1", b"[2001:db8::1]", b"a-b.example.com"]),
    st.none() | st.integers(1, 65535),
    st.from_regex(rb"z9hG4bK[A-Za-z0-9.%_~+*!'`-]{0,20}", fullmatch=True),
    st.lists(_BLANK, min_size=6, max_size=6),
)
def test_round_trip(
    transport: bytes, host: bytes, port: int | None, branch: bytes, gaps: list[bytes]
) -> None:
    a, b, c, d, e, f = gaps
    value = b"SIP" + a + b"/" + b + b"2.0/" + c + transport + b" " + d + host
    value += b"" if port is None else e + b":%d" % port
    value += f + b";branch=" + branch + b";rport"
    via = parse(value)
    assert (via.transport, via.host, via.port, via.branch) == (transport, host, port, branch)
    again = parse(via.stamped(b"198.51.100.7", 77))
    assert again.param(b"rport") == b"77"
    assert again.param(b"received") == b"198.51.100.7"
    assert again.stamped(b"198.51.100.7", 77).count(b"received=") == 1
    assert (again.host, again.port, again.branch) == (host, port, branch)


_PIECES = [
    b"SIP",
    b"/",
    b"2.0",
    b"UDP",
    b" ",
    b"h",
    b":",
    b"5060",
    b";",
    b"branch=",
    b'"',
    b"[",
    b"]",
]


@given(st.binary(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=16).map(b"".join))
def test_garbage_ends_in_malformed(data: bytes) -> None:
    try:
        via = parse(data)
    except Malformed:
        return
    assert via.host
    parse(via.stamped(b"192.0.2.1", 5060))


_TAILS = st.lists(
    st.sampled_from(
        (b";rport;branch=z9hG4bK1;branch=a,b;alias;rport=1;received=h;keep;branch; rport;x=y")
        .replace(b";", b"|;")
        .split(b"|")[1:]
    ),
    max_size=4,
).map(b"".join)


@given(st.sampled_from([b"192.0.2.1", b"h:5060", b"[2001:DB8::1]:7", b"h:0"]), _TAILS)
def test_the_usual_shape_means_what_the_general_reading_says(sent_by: bytes, tail: bytes) -> None:
    """A blank in front makes a Via unusual, and means nothing."""
    value = b"SIP/2.0/UDP " + sent_by + tail
    try:
        general = parse(b" " + value)
    except Malformed:
        with pytest.raises(Malformed):
            parse(value)
        return
    usual = parse(value)
    assert usual.rport == general.rport == (general.param(b"rport") is not None)
    for host in (b"192.0.2.1", b"192.0.2.9", b"2001:db8::1"):
        assert usual.stamped(host, 4000, 29) == general.stamped(host, 4000, 29)
    for name in ("protocol", "transport", "host", "port", "params", "branch"):
        assert getattr(usual, name) == getattr(general, name)
    for flag in (b"branch", b"rport", b"alias", b"x", b"received"):
        assert usual.param(flag) == general.param(flag)
    assert repr(usual) == repr(general)


@given(
    st.sampled_from(
        [b"SIP/2.0/UDP ", b"SIP/2.0/TLS ", b"SIP/2.0/SCTP ", b"SIP/2.0/udp ", b"SIP/2.0/UDP\t"]
    ),
    st.sampled_from([b"192.0.2.1", b"h:5060", b"", b"a b", b"h:", b"[::1]:1", b"["]),
    _TAILS | st.binary(max_size=12),
)
def test_both_readings_of_the_usual_shape_agree(start: bytes, sent_by: bytes, tail: bytes) -> None:
    found = []
    for reading in (by_method, by_octet):
        try:
            via = reading(start + sent_by + tail)
        except Malformed:
            found.append(b"bad sent-by")
        else:
            found.append(b"" if via is None else repr(via).encode() + via.branch + via.sent_by)
    assert found[0] == found[1]
