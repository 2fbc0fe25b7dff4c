"""Whether two session descriptions mean the same to whoever sends media by them.

Numbers of sessions, names and times do not matter; where the media goes, in which direction, how it
is secured and in which formats does.  Anything of sipfront may import it.
"""

from __future__ import annotations

from sipfront.sip.errors import Malformed
from sipfront.sip.sdp import Media, Sdp, parse

#: Attributes that are part of where and how: keys, ICE, DTLS (RFC 4568, 8839, 8122, 4145).
_BINDING = (b"crypto:", b"fingerprint:", b"ice-ufrag:", b"ice-pwd:", b"setup:", b"candidate:")


def alike(one: bytes, other: bytes) -> bool:
    """Whether media sent by either goes to the same place, in the same way; formats aside."""
    first, second = _parsed(one), _parsed(other)
    if first is None or second is None:
        return False
    return _ways(first) == _ways(second)


def covers(answer: bytes, offer: bytes) -> bool:
    """Whether ``answer`` takes every format that ``offer`` names, stream by stream."""
    first, second = _parsed(answer), _parsed(offer)
    if first is None or second is None or len(first.media) != len(second.media):
        return False
    return all(
        bool(mine.port) == bool(its.port) and set(mine.formats) >= set(its.formats)
        for mine, its in zip(first.media, second.media, strict=True)
        if its.port
    )


def _parsed(body: bytes) -> Sdp | None:
    try:
        return parse(body)
    except Malformed:
        return None


def _ways(sdp: Sdp) -> list[tuple[object, ...]]:
    session = _bound(sdp.attributes)
    return [(*_way(media), session) for media in sdp.media]


def _way(media: Media) -> tuple[object, ...]:
    if not media.port:
        return (media.kind, 0)  # refused: the rest of the line says nothing (RFC 3264 section 6)
    address = media.connection.address if media.connection is not None else b""
    rtcp = (media.rtcp_port, media.rtcp.address if media.rtcp is not None else b"")
    bound = _bound(media.attributes)
    return (media.kind, media.port, media.protocol, address, rtcp, media.direction, bound)


def _bound(attributes: list[bytes]) -> list[bytes]:
    return sorted(line for line in attributes if line.startswith(_BINDING))
