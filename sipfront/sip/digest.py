"""Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): challenges and credentials.

MD5, MD5-sess, SHA-256 and SHA-256-sess; without qop (RFC 2069), with ``auth`` and ``auth-int``.
Passwords need not be known: HA1 = H(user:realm:password) is enough.  It refuses to know which
nonces are good, and makes none (nonces and cnonces are given by the caller).

Anything of sipfront may import it.
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import TYPE_CHECKING

from sipfront.sip import params
from sipfront.sip.errors import Malformed
from sipfront.sip.params import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The algorithms, lower case without ``-sess`` (RFC 8760 section 2.1).
ALGORITHMS = (b"md5", b"sha-256")

#: Parameters by name (lower case), quotes undone.
Params = dict[bytes, bytes]


def _base(algorithm: bytes) -> bytes:
    """The hash of an algorithm; one that is not named is MD5 (RFC 7616 section 3.3)."""
    return algorithm.lower().removesuffix(b"-sess") or b"md5"


def _hash(algorithm: bytes, data: bytes) -> bytes:
    base = _base(algorithm)
    if base == b"md5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
    if base == b"sha-256":
        return hashlib.sha256(data).hexdigest().encode()
    raise ValueError(f"unknown digest algorithm {algorithm!r}")


def scheme(value: bytes) -> bytes:
    """The scheme of a challenge or of credentials in lower case, ``digest`` for Digest."""
    return value.lstrip(b" \t\r\n").split(None, 1)[0].lower() if value.strip() else b""


def parse(value: bytes) -> Params:
    """The parameters of a challenge or of credentials (RFC 3261 20.7, 20.44), without its scheme.

    Raises :class:`Malformed`, also for a parameter that stands twice.
    """
    text = params.straight(value).strip(b" \t")
    name, _, raw = text.partition(b" ")
    if b"\t" in name:
        name, _, raw = text.partition(b"\t")
    if not name.translate(params.TOKEN).isdigit():
        raise Malformed("bad authentication scheme")
    found: Params = {}
    for piece in params.pieces(raw, b","):
        if not piece.strip(b" \t"):
            continue  # empty list elements, as HTTP allows them, change nothing
        key, text = params.pair(piece)
        if key in found:
            raise Malformed("repeated authentication parameter")
        found[key] = unquote(text)
    return found


def ha1(username: bytes, realm: bytes, password: bytes, algorithm: bytes = b"MD5") -> bytes:
    """H(username:realm:password) in lower-case hexadecimal: what is stored instead of a password.

    The same with and without ``-sess``; ValueError for an unknown algorithm.
    """
    return _hash(algorithm, b"%b:%b:%b" % (username, realm, password))


def response(
    ha1: bytes,
    method: bytes,
    uri: bytes,
    nonce: bytes,
    *,
    qop: bytes = b"",
    nc: bytes = b"",
    cnonce: bytes = b"",
    algorithm: bytes = b"MD5",
    body: bytes = b"",
) -> bytes:
    """The value of ``response`` (RFC 7616 section 3.4.1).

    ``nc``: eight hexadecimal digits, as on the wire; ``qop`` b"" for RFC 2069; ``body`` counts for
    ``auth-int`` only.  ValueError for an unknown algorithm or qop.
    """
    secret = ha1.lower()
    if algorithm.lower().endswith(b"-sess"):
        secret = _hash(algorithm, b"%b:%b:%b" % (secret, nonce, cnonce))
    a2 = method + b":" + uri
    quality = qop.lower()
    if quality == b"auth-int":
        a2 += b":" + _hash(algorithm, body)
    elif quality not in (b"", b"auth"):
        raise ValueError(f"unknown quality of protection {qop!r}")
    middle = b"%b:%b:%b:%b" % (nonce, nc, cnonce, qop) if qop else nonce
    return _hash(algorithm, b"%b:%b:%b" % (secret, middle, _hash(algorithm, a2)))


def verify(credentials: Params, ha1: bytes, method: bytes, body: bytes = b"") -> bool:
    """Whether credentials (:func:`parse`) prove knowledge of ``ha1``, in constant time.

    Whether nonce, realm, URI and user are the right ones is the caller's question.  Credentials
    that cannot be checked (unknown algorithm, missing parameters) prove nothing: False.
    """
    qop = credentials.get(b"qop", b"")
    nc = credentials.get(b"nc", b"")
    cnonce = credentials.get(b"cnonce", b"")
    if b"nonce" not in credentials or b"uri" not in credentials or b"response" not in credentials:
        return False
    if qop and (not nc or not cnonce):
        return False
    try:
        wanted = response(
            ha1,
            method,
            credentials[b"uri"],
            credentials[b"nonce"],
            qop=qop,
            nc=nc,
            cnonce=cnonce,
            algorithm=credentials.get(b"algorithm", b"MD5"),
            body=body,
        )
    except ValueError:
        return False
    return compare_digest(wanted, credentials[b"response"].lower())


def challenge(
    realm: bytes,
    nonce: bytes,
    *,
    algorithm: bytes = b"MD5",
    qop: bytes = b"auth",
    opaque: bytes = b"",
    stale: bool = False,
) -> bytes:
    """A value for WWW-Authenticate or Proxy-Authenticate; ``qop`` b"" for clients of RFC 2069."""
    parts = [b"Digest realm=" + quote(realm), b"nonce=" + quote(nonce), b"algorithm=" + algorithm]
    if qop:
        parts.append(b"qop=" + quote(qop))
    if opaque:
        parts.append(b"opaque=" + quote(opaque))
    if stale:
        parts.append(b"stale=true")
    return b", ".join(parts)


class Credentials:
    """A user with the HA1 for one realm and one hash; answers challenges."""

    __slots__ = ("_algorithm", "_ha1", "realm", "username")

    def __init__(
        self, username: bytes, realm: bytes, ha1: bytes, algorithm: bytes = b"MD5"
    ) -> None:
        if _base(algorithm) not in ALGORITHMS:
            raise ValueError(f"unknown digest algorithm {algorithm!r}")
        self.username = username
        self.realm = realm
        self._ha1 = ha1.lower()
        self._algorithm = _base(algorithm)

    @staticmethod
    def of(
        username: bytes, realm: bytes, password: bytes, algorithm: bytes = b"MD5"
    ) -> Credentials:
        """Made from a password."""
        return Credentials(username, realm, ha1(username, realm, password, algorithm), algorithm)

    def __repr__(self) -> str:
        """Name and realm; never the secret, which would end in a log."""
        return f"Credentials({self.username!r}, {self.realm!r})"

    def answers(self, challenge: Params) -> bool:
        """Whether these credentials fit a challenge: realm, algorithm, qop, and a nonce in it."""
        return (
            b"nonce" in challenge
            and challenge.get(b"realm") == self.realm
            and challenge.get(b"algorithm", b"MD5").lower().removesuffix(b"-sess")
            == self._algorithm
            and _quality(challenge) is not None
        )

    def choose(self, values: Iterable[bytes]) -> Params | None:
        """The first challenge that can be answered, in the server's order (RFC 8760 2.4).

        ``values``: those of all WWW-Authenticate (or Proxy-Authenticate) fields of one answer;
        other schemes and malformed ones are passed over.
        """
        for value in values:
            if scheme(value) == b"digest":
                try:
                    found = parse(value)
                except Malformed:
                    continue
                if self.answers(found):
                    return found
        return None

    def header(
        self,
        challenge: Params,
        method: bytes,
        uri: bytes,
        cnonce: bytes,
        *,
        nc: int = 1,
        body: bytes = b"",
    ) -> bytes:
        """A value for Authorization or Proxy-Authorization that answers ``challenge``.

        ``nc`` counts the requests sent with this nonce, from 1.  ValueError when the challenge is
        not one that :meth:`answers`.
        """
        quality = _quality(challenge)
        if quality is None or not self.answers(challenge):
            raise ValueError("these credentials do not fit this challenge")
        nonce = challenge[b"nonce"]
        algorithm = challenge.get(b"algorithm", b"")
        count = b"%08x" % nc
        proof = response(
            self._ha1,
            method,
            uri,
            nonce,
            qop=quality,
            nc=count,
            cnonce=cnonce,
            algorithm=algorithm or b"MD5",
            body=body,
        )
        parts = [
            b"Digest username=" + quote(self.username),
            b"realm=" + quote(self.realm),
            b"nonce=" + quote(nonce),
            b"uri=" + quote(uri),
            b"response=" + quote(proof),
        ]
        if algorithm:
            parts.append(b"algorithm=" + algorithm)
        if quality or algorithm.lower().endswith(b"-sess"):
            parts.append(b"cnonce=" + quote(cnonce))
        if quality:
            parts += [b"qop=" + quality, b"nc=" + count]
        if b"opaque" in challenge:
            parts.append(b"opaque=" + quote(challenge[b"opaque"]))
        return b", ".join(parts)


def _quality(challenge: Params) -> bytes | None:
    """The qop to answer with: ``auth`` before ``auth-int``, b"" without one, None: unknown ones."""
    offered = challenge.get(b"qop", b"").lower().replace(b",", b" ").split()
    for quality in (b"auth", b"auth-int"):
        if quality in offered:
            return quality
    return None if offered else b""
