"""SDP (RFC 8866): where addresses, ports, versions and directions stand in a session description.

It locates and never rewrites; whoever edits splices at the spans given here.  What is not named
here (codecs, crypto, candidates) is kept as attribute lines and not understood.  Lines may end with
LF alone and unknown ones are passed over, because the body belongs to the two ends and not to us;
an ``m=``, ``c=`` or ``o=`` that cannot be read is Malformed.

Anything of sipfront may import it.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from sipfront.sip.errors import Malformed
from sipfront.sip.host import host_port

#: Where something stands in the body: body[start:end].
Span = tuple[int, int]

#: m= lines in one description; real ones have up to 10 (bundled video), the rest is an attack.
MAX_MEDIA = 64

_DIRECTIONS = (b"sendrecv", b"sendonly", b"recvonly", b"inactive")
_NULL_ADDRESSES = (b"0.0.0.0", b"::")


class Connection:
    """One address: ``c=``, or the end of ``o=``, or that of ``a=rtcp``.

    ``family`` is 4 or 6; ``address`` as received and without TTL; ``span`` is where the address
    stands, ``family_span`` where the 4 or 6 of ``IP4`` does.
    """

    __slots__ = ("address", "family", "family_span", "span")

    def __init__(self, address: bytes, family: int, span: Span, family_span: Span) -> None:
        self.address = address
        self.family = family
        self.span = span
        self.family_span = family_span

    def __repr__(self) -> str:
        return f"Connection({self.address!r})"

    @property
    def null(self) -> bool:
        """0.0.0.0 or ``::``: no media is wanted (RFC 3264 section 8.4)."""
        return self.address in _NULL_ADDRESSES


class Media:
    """One ``m=`` line with what belongs to it.

    ``port`` 0 is a rejected or ended stream.  ``own`` is its own ``c=``, None when the session's
    holds; ``connection`` the one that counts (None when neither stands there).  ``direction`` is
    the one that counts, too (its own, else the session's, else sendrecv); ``direction_span`` where
    its own word stands.  ``rtcp_port`` None unless ``a=rtcp`` is there (RFC 3605).  ``attributes``
    are the values of its ``a=`` lines.  ``span``: from its ``m=`` to the next one.
    """

    __slots__ = (
        "attributes",
        "connection",
        "direction",
        "direction_span",
        "formats",
        "kind",
        "own",
        "port",
        "port_span",
        "protocol",
        "rtcp",
        "rtcp_port",
        "rtcp_port_span",
        "span",
    )

    def __init__(self, kind: bytes, port: int, port_span: Span, protocol: bytes) -> None:
        self.kind = kind
        self.port = port
        self.port_span = port_span
        self.protocol = protocol
        self.formats: list[bytes] = []
        self.own: Connection | None = None
        self.connection: Connection | None = None
        self.direction = b""
        self.direction_span: Span | None = None
        self.rtcp_port: int | None = None
        self.rtcp_port_span: Span | None = None
        self.rtcp: Connection | None = None
        self.attributes: list[bytes] = []
        self.span: Span = (0, 0)

    def __repr__(self) -> str:
        return f"Media({self.kind!r}, {self.port}, {self.connection!r}, {self.direction!r})"

    @property
    def held(self) -> bool:
        """Whether this side wants to hear nothing: sendonly, inactive, or the null address."""
        null = self.connection is not None and self.connection.null
        return null or self.direction in (b"sendonly", b"inactive")


class Sdp:
    """One session description.

    ``origin`` is the whole value of ``o=``, ``origin_connection`` the address in it; ``session``
    and ``version`` are its numbers as received.  ``direction`` is b"" when the session names none.
    """

    __slots__ = (
        "attributes",
        "connection",
        "direction",
        "media",
        "origin",
        "origin_connection",
        "origin_span",
        "session",
        "username",
        "version",
        "version_span",
    )

    def __init__(self) -> None:
        self.origin = b""
        self.origin_span: Span = (0, 0)
        self.origin_connection: Connection | None = None
        self.username = b""
        self.session = b""
        self.version = b""
        self.version_span: Span = (0, 0)
        self.connection: Connection | None = None
        self.direction = b""
        self.attributes: list[bytes] = []
        self.media: list[Media] = []

    def connections(self) -> list[Connection]:
        """Every address in the description, in the order of their places."""
        found = [self.origin_connection, self.connection]
        for media in self.media:
            found += [media.own, media.rtcp]
        return sorted((one for one in found if one is not None), key=lambda one: one.span)


def parse(body: bytes) -> Sdp:
    """Locate what counts in ``body``; raises :class:`Malformed`.

    ``v=0`` and an ``o=`` line must be there (RFC 8866 section 5).
    """
    sdp = Sdp()
    media: Media | None = None
    first = True
    for start, end in _lines(body):
        kind = body[start : start + 2]
        if first and body[start:end] != b"v=0":
            raise Malformed("no SDP")
        first = False
        at = start + 2
        if kind == b"m=":
            if len(sdp.media) >= MAX_MEDIA:
                raise Malformed("too many m= lines")
            if media is not None:
                media.span = (media.span[0], start)
            media = _media(body, at, end)
            media.span = (start, len(body))
            sdp.media.append(media)
        elif kind == b"c=":
            _connect(sdp, media, body, at, end)
        elif kind == b"a=":
            _attribute(sdp, media, body, at, end)
        elif kind == b"o=":
            if sdp.origin:
                raise Malformed("two o= lines")
            _origin(sdp, body, at, end)
    if not sdp.origin:
        raise Malformed("SDP without o= line")
    for one in sdp.media:
        one.connection = one.own or sdp.connection
        one.direction = one.direction or sdp.direction or b"sendrecv"
    return sdp


def _lines(body: bytes) -> list[Span]:
    """The lines without their ends (CRLF or LF), empty ones left out."""
    found = []
    start = 0
    while start < len(body):
        eol = body.find(b"\n", start)
        following = eol + 1
        if eol < 0:
            eol = following = len(body)
        end = eol
        if end > start and body[end - 1] == 13:
            end -= 1
        if end > start:
            found.append((start, end))
        start = following
    return found


def _words(body: bytes, start: int, end: int) -> list[Span]:
    """The words of a value and where they stand."""
    found = []
    at = start
    while at < end:
        while at < end and body[at] in b" \t":
            at += 1
        begin = at
        while at < end and body[at] not in b" \t":
            at += 1
        if at > begin:
            found.append((begin, at))
    return found


def _number(text: bytes) -> int:
    """A port: 0 to 65535."""
    if not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise Malformed("bad port in SDP")
    return int(text)


def _address(body: bytes, words: list[Span]) -> Connection:
    """``IN IP4 address [/ttl]`` (RFC 8866 section 5.7)."""
    if len(words) != 3:
        raise Malformed("bad address in SDP")
    net, family, address = (body[start:end] for start, end in words)
    if net.upper() != b"IN" or family.upper() not in (b"IP4", b"IP6"):
        raise Malformed("bad address in SDP")
    version = family[2] - 48
    bare = address.partition(b"/")[0]
    try:
        if version == 6 and b":" in bare:
            if b"%" in bare:
                raise Malformed("bad address in SDP")
            IPv6Address(bare.decode("ascii"))
        elif version == 4 and not bare.strip(b"0123456789."):
            IPv4Address(bare.decode("ascii"))
        elif host_port(bare)[1] is not None or not bare.strip(b"0123456789."):
            # a name is allowed, a port is not, and an IPv4 address is no IP6 one
            raise Malformed("bad address in SDP")
    except (AddressValueError, UnicodeDecodeError):
        raise Malformed("bad address in SDP") from None
    start = words[2][0]
    family_end = words[1][1]
    return Connection(bare, version, (start, start + len(bare)), (family_end - 1, family_end))


def _origin(sdp: Sdp, body: bytes, start: int, end: int) -> None:
    """``o=<username> <sess-id> <sess-version> IN IP4 <address>`` (RFC 8866 section 5.2)."""
    words = _words(body, start, end)
    if len(words) != 6:
        raise Malformed("bad o= line")
    sdp.origin = body[start:end]
    sdp.origin_span = (start, end)
    sdp.username, sdp.session, sdp.version = (body[a:b] for a, b in words[:3])
    sdp.version_span = words[2]
    if not sdp.session.isdigit() or not sdp.version.isdigit():
        raise Malformed("bad o= line")
    sdp.origin_connection = _address(body, words[3:])


def _media(body: bytes, start: int, end: int) -> Media:
    """``m=<media> <port>[/<number>] <proto> <fmt> ...`` (RFC 8866 section 5.14)."""
    words = _words(body, start, end)
    if len(words) < 4:
        raise Malformed("bad m= line")
    kind, ports, protocol, *formats = (body[a:b] for a, b in words)
    port = ports.partition(b"/")[0]
    begin = words[1][0]
    media = Media(kind.lower(), _number(port), (begin, begin + len(port)), protocol)
    media.formats = formats
    return media


def _connect(sdp: Sdp, media: Media | None, body: bytes, start: int, end: int) -> None:
    found = _address(body, _words(body, start, end))
    if media is None:
        if sdp.connection is not None:
            raise Malformed("two c= lines")
        sdp.connection = found
    elif media.own is None:  # more are the other layers of multicast
        media.own = found


def _attribute(sdp: Sdp, media: Media | None, body: bytes, start: int, end: int) -> None:
    value = body[start:end]
    holder = sdp if media is None else media
    holder.attributes.append(value)
    word = value.rstrip(b" \t")
    if word in _DIRECTIONS:
        holder.direction = word
        if media is not None:
            media.direction_span = (start, start + len(word))
    elif media is not None and value.startswith(b"rtcp:"):
        words = _words(body, start + 5, end)
        if len(words) not in (1, 4):
            raise Malformed("bad a=rtcp")
        begin, finish = media.rtcp_port_span = words[0]
        media.rtcp_port = _number(body[begin:finish])
        if len(words) == 4:
            media.rtcp = _address(body, words[1:])
