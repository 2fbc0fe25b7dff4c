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
ACCOUNT = b"a"
NAMED = b"s"
#: Node and dialog token of a dialog that its two sides call by different tags: they hold the tag
#: that the other side uses (:mod:`sipfront.stack.tagmap`).
KEPT_NODE = b"m"
KEPT_OUTSIDE = b"k"

MAC_SIZE = 8
#: No token is longer: 64 characters with the prefix (PJSIP refuses URIs of 256, see the design).
MAX_TOKEN = 64
#: Minted tokens remembered; a phone has one, a node a few.
CACHE = 65_536
#: Hidden URIs remembered, some 600 octets each: those of the phones that call most often.
HIDDEN = 16_384

#: URI, listener, node, flow (0: a node's URI), whether ``sips:`` is asked for.
Seen = tuple[bytes, int, int, int, bool]


class OutsideTarget:
    """What a dialog token says: the outside party behind a Contact that a node sees.

    ``tag``: the node's tag as that party knows it, b"" when both sides use the same (then
    ``owner`` says whose dialog it is, else -1).
    """

    __slots__ = ("host", "listener", "owner", "port", "tag", "target_host", "target_port")

    def __init__(
        self,
        owner: int,
        listener: int,
        host: str,
        port: int,
        target_host: str,
        target_port: int,
        tag: bytes = b"",
    ) -> None:
        self.owner = owner
        self.listener = listener
        self.host = host
        self.port = port
        self.target_host = target_host
        self.target_port = target_port
        self.tag = tag


class NodeTarget:
    """What a node token says: the node's own Contact behind one that the outside sees.

    ``tag``: the node's own tag, b"" when both sides use the same.
    """

    __slots__ = ("host", "node", "port", "tag")

    def __init__(self, node: int, host: str, port: int, tag: bytes = b"") -> None:
        self.node = node
        self.host = host
        self.port = port
        self.tag = tag


class Tokens:
    """Mints and opens tokens with the keys of this front."""

    __slots__ = ("_binding_key", "_cache", "_hidden", "_homes", "_keys")

    def __init__(
        self,
        keys: tuple[bytes, ...],
        binding_key: bytes,
        homes: tuple[tuple[str, int], ...] = (),
    ) -> None:
        """``homes``: address and port of each node, which need not stand in a token."""
        self._homes = homes
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
        self._hidden: dict[Seen, tuple[bytes, bytes]] = {}

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

    def kept_node(self, node: int, host: str, port: int, tag: bytes) -> bytes | None:
        """The token for a node's Contact in a dialog in which the node calls itself ``tag``.

        None when it does not fit; a UUID (Asterisk) does if the node's Contact is its own address.
        """
        form, packed = _pack_tag(tag)
        try:
            payload = bytes((form | node,)) + packed
            if self._homes[node : node + 1] != ((host, port),):
                payload += _pack(host, port)
        except ValueError:
            return None
        return self._seal_if_it_fits(KEPT_NODE, payload)

    def kept_outside(self, flow: Flow, host: str, port: int, tag: bytes) -> bytes | None:
        """The token for an outside party that calls the node ``tag``; its Contact must be where it
        is reached.  None when it does not fit."""
        if (host, port) != (flow.host, flow.port) or flow.listener.index > 15:
            return None
        form, packed = _pack_tag(tag)
        try:
            where = _pack(host, port)
        except ValueError:
            return None
        first = flow.listener.index << 4 | where[0] | form >> 4
        return self._seal_if_it_fits(KEPT_OUTSIDE, bytes((first,)) + where[1:] + packed)

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

    def account(self, trunk: bytes, aor: bytes) -> bytes:
        """The name of an account at a trunk; like that of a binding it never changes."""
        digest = blake2b(trunk + b"\0" + aor, key=self._binding_key, digest_size=12)
        return ACCOUNT + digest.hexdigest().encode()

    def open(self, token: bytes) -> OutsideTarget | NodeTarget | None:
        """What a dialog or node token says; None when it is not ours or was tampered with."""
        kind = token[:1]
        if kind not in (DIALOG, NODE, KEPT_NODE, KEPT_OUTSIDE):
            return None
        payload = self._unseal(token)
        if payload is None:
            return None
        try:
            if kind == KEPT_NODE:
                return self._kept_node(payload)
            if kind == KEPT_OUTSIDE:
                return _kept_outside(payload)
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

    def _kept_node(self, payload: bytes) -> NodeTarget | None:
        node = payload[0] & ~_UUID
        tag, rest = _unpack_tag(payload[0] & _UUID, payload[1:])
        if rest:
            host, port, rest = _unpack(rest)
        else:
            host, port = self._homes[node]
        return None if rest else NodeTarget(node, host, port, tag)

    def genuine(self, token: bytes) -> bool:
        """Whether a named token was minted by us."""
        return token[:1] == NAMED and self._unseal(token) is not None

    def hidden(self, seen: Seen) -> tuple[bytes, bytes] | None:
        """The URI that was made for one, and its token; None when it is not remembered."""
        return self._hidden.get(seen)

    def hide(self, seen: Seen, made: tuple[bytes, bytes]) -> None:
        """Remember what :meth:`hidden` is asked for."""
        if len(self._hidden) >= HIDDEN:
            self._hidden.clear()
        self._hidden[seen] = made

    def _remember(self, key: object, token: bytes) -> bytes:
        if len(self._cache) >= CACHE:
            self._cache.clear()
        self._cache[key] = token
        return token

    def _seal_if_it_fits(self, kind: bytes, payload: bytes) -> bytes | None:
        if len(kind) + 2 * (len(payload) + MAC_SIZE) > MAX_TOKEN:
            return None
        return self._seal(kind, payload)

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


def _kept_outside(payload: bytes) -> OutsideTarget | None:
    first = payload[0]
    packed = bytes((first & 7,)) + payload[1:]
    host, port, rest = _unpack(packed)
    tag, rest = _unpack_tag(first << 4 & _UUID, rest)
    return None if rest else OutsideTarget(-1, first >> 4, host, port, host, port, tag)


#: A flag: the tag is a UUID (16 octets), not as it stands (its length, then its octets).
_UUID = 0x80


def _pack_tag(tag: bytes) -> tuple[int, bytes]:
    """The flag and the octets of a tag."""
    if len(tag) == 36:
        digits = tag.replace(b"-", b"")
        if len(digits) == 32 and not digits.strip(b"0123456789abcdef") and _uuid(digits) == tag:
            return _UUID, bytes.fromhex(digits.decode())
    return 0, bytes((min(len(tag), 255),)) + tag


def _uuid(digits: bytes) -> bytes:
    """Thirty-two digits as a UUID is written."""
    ends = (8, 12, 16, 20, 32)
    return b"-".join(digits[a:b] for a, b in zip((0, *ends), ends, strict=False))


def _unpack_tag(form: int, data: bytes) -> tuple[bytes, bytes]:
    """The tag, and what follows it; raises ValueError or IndexError."""
    if form:
        if len(data) < 16:
            raise ValueError("bad tag")
        return _uuid(data[:16].hex().encode()), data[16:]
    size = data[0]
    if len(data) < 1 + size:
        raise ValueError("bad tag")
    return data[1 : 1 + size], data[1 + size :]


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
