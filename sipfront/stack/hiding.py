"""Topology hiding: what stands in a Contact in place of the far side.

A **dialog token** is self-contained and authenticated: which node owns the dialog, by which flow
the outside party is reached, and where its real Contact points.  It is opened with nothing but
the keys, so an in-dialog request finds its way after the front lost all memory.  A **binding
token** is only a name.  A **named token** stands for what does not fit into 64 characters; what
it names is kept in the store.

A dialog token is encrypted with its own authenticator as nonce (the synthetic-IV construction of
RFC 5297 with keyed BLAKE2b): equal content gives an equal token, so it can be cached, and nothing
random is needed.  It is written in hexadecimal, which case-folding and escaping leave alone and
which the interpreter writes without a loop.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow

#: The URI parameter that carries a token.
PARAM = b"sf"
#: First characters: what kind of token follows.
DIALOG = b"d"
NODE = b"n"
BINDING = b"b"
NAMED = b"s"

MAC_SIZE = 8
#: No token is longer: 64 characters with the prefix (PJSIP refuses URIs of 256, see the design).
MAX_TOKEN = 64
#: Minted tokens remembered; a phone has one, a node a few.
CACHE = 65_536


class OutsideTarget:
    """What a dialog token says: the outside party behind a Contact that a node sees."""

    __slots__ = ("address", "host", "listener", "owner", "port", "target_host", "target_port")

    def __init__(
        self, owner: int, listener: int, host: str, port: int, target_host: str, target_port: int
    ) -> None:
        self.owner = owner
        self.listener = listener
        self.host = host
        self.port = port
        self.target_host = target_host
        self.target_port = target_port


class NodeTarget:
    """What a node token says: the node's own Contact behind one that the outside sees."""

    __slots__ = ("host", "node", "port")

    def __init__(self, node: int, host: str, port: int) -> None:
        self.node = node
        self.host = host
        self.port = port


class Tokens:
    """Mints and opens tokens with the keys of this front."""

    __slots__ = ("_binding_key", "_cache", "_keys")

    def __init__(self, keys: tuple[bytes, ...], binding_key: bytes) -> None:
        if not keys or not binding_key:
            raise ValueError("a front needs keys for its tokens")
        self._keys = [
            (
                blake2b(b"authenticate", key=key, digest_size=32).digest(),
                blake2b(b"encrypt", key=key, digest_size=32).digest(),
            )
            for key in keys
        ]
        self._binding_key = binding_key
        self._cache: dict[object, bytes] = {}

    def outside(self, owner: int, flow: Flow, host: str, port: int) -> bytes | None:
        """The token for an outside party; ``host`` and ``port`` are those of its Contact.

        None when it does not fit (two IPv6 addresses, a Contact with a name): use a named one.
        """
        cache_key = (owner, flow.ident, host, port)
        token = self._cache.get(cache_key)
        if token is None:
            try:
                payload = bytes((owner, flow.listener.index)) + _pack(flow.host, flow.port)
                if (host, port) != (flow.host, flow.port):
                    payload += _pack(host, port)
            except ValueError:
                return None
            if len(DIALOG) + 2 * (len(payload) + MAC_SIZE) > MAX_TOKEN:
                return None
            token = self._remember(cache_key, self._seal(DIALOG, payload))
        return token

    def node(self, node: int, host: str, port: int) -> bytes | None:
        """The token for a node's Contact; None when its host is a name."""
        cache_key = (node, host, port)
        token = self._cache.get(cache_key)
        if token is None:
            try:
                payload = bytes((node,)) + _pack(host, port)
            except ValueError:
                return None
            token = self._remember(cache_key, self._seal(NODE, payload))
        return token

    def named(self, side: int, content: bytes) -> bytes:
        """The token that names ``content``; ``side`` keeps the names of the two sides apart."""
        digest = blake2b(content, key=self._binding_key, digest_size=12).digest()
        return self._seal(NAMED, bytes((side,)) + digest)

    def binding(self, aor: bytes, who: bytes) -> bytes:
        """The name of a binding: AOR and ``+sip.instance`` with reg-id, or the Contact's user@host.

        A keyed hash that is never rotated, the same on both nodes and after a restart.
        """
        digest = blake2b(aor + b"\0" + who, key=self._binding_key, digest_size=12)
        return BINDING + digest.hexdigest().encode()

    def open(self, token: bytes) -> OutsideTarget | NodeTarget | None:
        """What a dialog or node token says; None when it is not ours or was tampered with."""
        kind = token[:1]
        if kind not in (DIALOG, NODE):
            return None
        payload = self._unseal(token)
        if payload is None:
            return None
        try:
            if kind == NODE:
                host, port, rest = _unpack(payload[1:])
                return None if rest else NodeTarget(payload[0], host, port)
            host, port, rest = _unpack(payload[2:])
            target_host, target_port = host, port
            if rest:
                target_host, target_port, rest = _unpack(rest)
            if rest:
                return None
            return OutsideTarget(payload[0], payload[1], host, port, target_host, target_port)
        except (ValueError, IndexError):
            return None

    def genuine(self, token: bytes) -> bool:
        """Whether a named token was minted by us."""
        return token[:1] == NAMED and self._unseal(token) is not None

    def _remember(self, key: object, token: bytes) -> bytes:
        if len(self._cache) >= CACHE:
            self._cache.clear()
        self._cache[key] = token
        return token

    def _seal(self, kind: bytes, payload: bytes) -> bytes:
        # The kind is authenticated too: a token of one kind is none of another.
        authenticate, encrypt = self._keys[0]
        mac = blake2b(kind + payload, key=authenticate, digest_size=MAC_SIZE).digest()
        return kind + (mac + _mask(payload, mac, encrypt)).hex().encode()

    def _unseal(self, token: bytes) -> bytes | None:
        try:
            sealed = bytes.fromhex(token[1:].decode("ascii"))
        except ValueError:
            return None
        if not MAC_SIZE < len(sealed) <= MAX_TOKEN // 2:
            return None
        mac = sealed[:MAC_SIZE]
        for authenticate, encrypt in self._keys:
            payload = _mask(sealed[MAC_SIZE:], mac, encrypt)
            expected = blake2b(token[:1] + payload, key=authenticate, digest_size=MAC_SIZE).digest()
            if compare_digest(mac, expected):
                return payload
        return None


def _mask(text: bytes, nonce: bytes, key: bytes) -> bytes:
    size = len(text)
    stream = blake2b(nonce, key=key, digest_size=size).digest()
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def _pack(host: str, port: int) -> bytes:
    """Address and port; the first octet tells the family.  ValueError for a name."""
    if ":" not in host:
        # inet_aton would do, but it takes "1.2" as well; two addresses must not look alike.
        parts = host.split(".")
        if len(parts) == 4 and all(part.isdigit() for part in parts):
            packed = bytes((4, *map(int, parts)))
            return packed + port.to_bytes(2, "big")
        raise ValueError("no address")
    return b"\x06" + IPv6Address(host).packed + port.to_bytes(2, "big")


def _unpack(data: bytes) -> tuple[str, int, bytes]:
    size = {4: 4, 6: 16}.get(data[0])
    if size is None or len(data) < size + 3:
        raise ValueError("bad address")
    raw = data[1 : 1 + size]
    host = str(IPv4Address(raw) if size == 4 else IPv6Address(raw))
    return host, int.from_bytes(data[1 + size : 3 + size], "big"), data[3 + size :]


@lru_cache(maxsize=4096)
def literal(host: bytes) -> str | None:
    """The text of an address literal as it stands in a URI (brackets removed), None for a name."""
    text = host.decode("ascii", "replace")
    if text[:1] == "[":
        text = text[1:-1]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
