"""The small values of the configuration: durations, addresses, URIs, networks, names.

Each parser takes what the YAML said (text) or a finished value, and raises ``ValueError`` with a
sentence that stands behind ``file:line:column: key:``.  It refuses to know about files and keys.
"""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, NamedTuple

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|d)\Z")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_NUMBER = re.compile(r"[0-9A-Za-z*#+]{1,32}\Z")
#: RFC 1035 2.3.4: a domain name has at most 255 octets on the wire, 253 in text.
_HOSTNAME_MAX = 253
#: Longer than any time a SIP front has to know; a slip of the unit is found before it hurts.
DURATION_MAX = 366 * 86400.0

TRANSPORTS = ("udp", "tcp", "tls")
#: Browsers come by these; the front takes such connections and makes none (RFC 7118).
WEB = ("ws", "wss")
_DEFAULT_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


def address(host: str) -> Address | None:
    """``host`` as an IP address (without brackets), or None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def bracketed(host: str) -> str:
    """``host`` as it stands in a URI: an IPv6 address in brackets (RFC 3261 25.1)."""
    return f"[{host}]" if ":" in host else host


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be {what}")
    return value.strip()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise ValueError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def _host(text: str, *, names: bool) -> str:
    """Check a host; an IPv6 address comes in brackets and goes out without, lower-case."""
    if text.startswith("["):
        inner = address(text[1:-1]) if text.endswith("]") else None
        if inner is None or inner.version != 6:
            raise ValueError(f"{text!r} is not an IPv6 address in brackets")
        if "%" in text:
            raise ValueError("an IPv6 address with a zone (%...) cannot stand in SIP")
        return str(inner)
    ip = address(text)
    if ip is not None:
        if ip.version == 6:
            raise ValueError(f"an IPv6 address needs brackets: [{text}]")
        return str(ip)
    if not text:
        raise ValueError("a host is missing")
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{text!r} is not an IPv4 address")
    if not names:
        raise ValueError(f"must be an IP address, not the name {text!r}")
    if len(text) > _HOSTNAME_MAX or not _HOSTNAME.match(text):
        raise ValueError(f"{text!r} is neither an IP address nor a host name")
    return text.rstrip(".").lower()


def _host_port(text: str, *, names: bool) -> tuple[str, int | None]:
    if text.count(":") > 1 and not text.startswith("["):
        raise ValueError(f"an IPv6 address needs brackets: [{text}]")
    if text.startswith("["):
        head, bracket, tail = text.partition("]")
        host, colon, port = head + bracket, tail[:1], tail[1:]
        if tail and colon != ":":
            raise ValueError(f"{tail!r} after the address is not understood")
    else:
        host, colon, port = text.partition(":")
    return _host(host, names=names), _port(port) if colon else None


class Endpoint(NamedTuple):
    """A local transport address.  ``host``: an IP address without brackets, maybe a wildcard."""

    transport: str  #: udp, tcp, tls, ws, wss; http for the admin side
    host: str
    port: int

    @property
    def wildcard(self) -> bool:
        """Does it mean every address of the machine."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.host).version

    def covers(self, other: Endpoint) -> bool:
        """Would a packet to ``other``'s address and port arrive here (transport aside)?"""
        same = self.host == other.host or (self.wildcard and self.version == other.version)
        return same and self.port == other.port

    def __str__(self) -> str:
        """The URI form, as it is written in the configuration."""
        return f"{self.transport}://{bracketed(self.host)}:{self.port}"


class Advertised(NamedTuple):
    """What peers are told instead of a local address; ``port`` None: the listener's own."""

    host: str
    port: int | None

    @property
    def is_name(self) -> bool:
        """Is it a host name and not an address."""
        return address(self.host) is None

    def __str__(self) -> str:
        """As it is written in the configuration."""
        host = bracketed(self.host)
        return host if self.port is None else f"{host}:{self.port}"


class PeerUri(NamedTuple):
    """Where a node or a trunk is.  ``port`` None: not written (SRV may name it for a trunk)."""

    scheme: str  #: sip or sips
    host: str  #: without brackets
    port: int | None
    transport: str  #: udp, tcp or tls; what follows from the URI when it is not written
    explicit: bool  #: was the transport written (else SRV may choose, RFC 3263 4.1)

    @property
    def is_name(self) -> bool:
        """Is the host a name and not an address."""
        return address(self.host) is None

    @property
    def effective_port(self) -> int:
        """The port, or the transport's own."""
        return self.port or _DEFAULT_PORT[self.transport]

    def __str__(self) -> str:
        """The URI."""
        port = "" if self.port is None else f":{self.port}"
        transport = f";transport={self.transport}" if self.explicit else ""
        return f"{self.scheme}:{bracketed(self.host)}{port}{transport}"


def parse_duration(value: object) -> float:
    """``500ms``, ``3s``, ``2m``, ``1h``, ``1d`` as seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = _text(value, "a duration such as 500ms, 3s, 2m or 1h")
    if text == "0":
        return 0.0
    found = _DURATION.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write a number and ms, s, m, h or d (3s)")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > DURATION_MAX:
        raise ValueError(f"{text} is longer than a year")
    return seconds


def format_duration(seconds: float) -> str:
    """A way to write ``seconds`` that :func:`parse_duration` reads back, to the microsecond."""
    if seconds and seconds == int(seconds):
        unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0)
        return f"{int(seconds / _UNITS[unit])}{unit}"
    number, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit


def _scheme(text: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark:
        example = f"{allowed[0]}://192.0.2.10:{8060 if allowed[0] == 'http' else 5060}"
        raise ValueError(f"{text!r} is not an address: write it as {example}")
    if scheme not in allowed:
        raise ValueError(f"{scheme}:// is not understood: use {', '.join(allowed)}")
    return scheme, rest.removesuffix("/")


def parse_listen(value: object) -> Endpoint:
    """``udp://192.0.2.10:5060``; the port may be missing, ``*`` and ``0.0.0.0`` mean every address."""
    if isinstance(value, Endpoint):
        return value
    text = _text(value, "an address such as udp://192.0.2.10:5060")
    scheme, rest = _scheme(text, TRANSPORTS + WEB)
    if rest == "*" or rest.startswith("*:"):
        rest = "0.0.0.0" + rest[1:]
    host, port = _host_port(rest, names=False)
    return Endpoint(scheme, host, port or _DEFAULT_PORT[scheme])


def parse_http(value: object) -> Endpoint:
    """``http://127.0.0.1:8060``."""
    if isinstance(value, Endpoint):
        return value
    scheme, rest = _scheme(_text(value, "an address such as http://127.0.0.1:8060"), ("http",))
    host, port = _host_port(
        "127.0.0.1" + rest[9:] if rest.startswith("localhost") else rest, names=False
    )
    return Endpoint(scheme, host, port or 8060)


def parse_advertised(value: object) -> Advertised:
    """An address or a name, with or without a port."""
    if isinstance(value, Advertised):
        return value
    text = _text(value, "an address or a name")
    if "://" in text:
        raise ValueError("only an address or a name, without the transport: it is the listener's")
    if address(text) is not None:
        return Advertised(text, None)
    return Advertised(*_host_port(text, names=True))


def parse_peer(value: object) -> PeerUri:
    """``sip:10.0.0.11:5060;transport=tcp``: host, port and transport, nothing else."""
    if isinstance(value, PeerUri):
        return value
    text = _text(value, "a SIP URI such as sip:10.0.0.11:5060")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in {"sip", "sips"} or rest.startswith("//"):
        raise ValueError(f"{text!r} is not a SIP URI: write it as sip:10.0.0.11:5060")
    rest, *params = rest.split(";")
    if "@" in rest:
        raise ValueError("no user part here, only host and port")
    if "?" in text:
        raise ValueError("no headers (?...) here, only host, port and transport")
    host, port = _host_port(rest, names=True)
    transport = "tls" if scheme == "sips" else "udp"
    explicit = False
    for param in params:
        name, _, given = param.partition("=")
        if name.lower() == "lr" and not given:
            continue
        if name.lower() != "transport":
            raise ValueError(f";{param} is not understood: only ;transport= may stand here")
        transport, explicit = given.lower(), True
        if transport in WEB:
            raise ValueError(f"transport={given} is for phones in browsers: use udp, tcp or tls")
        if transport not in TRANSPORTS:
            raise ValueError(f"transport={given} is not understood: use udp, tcp or tls")
        if scheme == "sips" and transport == "udp":
            raise ValueError("sips: means TLS, it cannot go over udp")
        if scheme == "sips":
            transport = "tls"
    return PeerUri(scheme, host, port, transport, explicit)


def parse_network(value: object) -> Network:
    """``10.0.0.0/8`` or a single address."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = _text(value, "a network such as 10.0.0.0/8")
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        wider = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is neither a network nor an address") from None
    raise ValueError(f"{text} has host bits set: the network is {wider}")


def parse_address(value: object) -> str:
    """One IP address."""
    text = _text(value, "an IP address").strip("[]")
    ip = address(text)
    if ip is None:
        raise ValueError(f"{text!r} is not an IP address")
    return str(ip)


def parse_host(value: object) -> str:
    """An address (IPv6 with or without brackets) or a host name, lower-case."""
    text = _text(value, "a host name or an address")
    ip = address(text)
    return str(ip) if ip is not None else _host(text, names=True)


def parse_name(value: object) -> str:
    """The name of a node or trunk: it stands in headers, metrics and commands."""
    text = _text(value, "a name")
    if not _NAME.match(text):
        raise ValueError(f"{text!r} is not a name: up to 32 letters, digits, and . _ - inside")
    return text


def parse_number(value: object) -> str:
    """A telephone number as it is dialled."""
    text = _text(value, "a number as it is dialled")
    if not _NUMBER.match(text):
        raise ValueError(f"{text!r} is not a number: digits, letters and * # + only")
    return text


def _string(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


_shown = PlainSerializer(str, return_type=str)

Duration = Annotated[
    float,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _string(pattern=r"^[0-9]+(\.[0-9]+)? *(ms|s|m|h|d)$|^0$", examples=["500ms", "3s", "2m", "1h"]),
]
ListenUri = Annotated[
    Endpoint,
    PlainValidator(parse_listen),
    _shown,
    _string(pattern="^(udp|tcp|tls|ws|wss)://", examples=["udp://192.0.2.10:5060"]),
]
HttpUri = Annotated[
    Endpoint,
    PlainValidator(parse_http),
    _shown,
    _string(pattern="^http://", examples=["http://127.0.0.1:8060"]),
]
Advertise = Annotated[
    Advertised, PlainValidator(parse_advertised), _shown, _string(examples=["192.0.2.10"])
]
Peer = Annotated[
    PeerUri,
    PlainValidator(parse_peer),
    _shown,
    _string(pattern="^sips?:", examples=["sip:10.0.0.11:5060"]),
]
NetworkValue = Annotated[
    Network, PlainValidator(parse_network), _shown, _string(examples=["10.0.0.0/8"])
]
AddressText = Annotated[str, PlainValidator(parse_address), _string(examples=["10.0.0.1"])]
HostText = Annotated[str, PlainValidator(parse_host), _string(examples=["example.com"])]
Name = Annotated[
    str, PlainValidator(parse_name), _string(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")
]
Number = Annotated[
    str,
    PlainValidator(parse_number),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["112"]}),
]
