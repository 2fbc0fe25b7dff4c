"""Who is refused: brute force seen in the nodes' answers, and which node issued a nonce.

The PBX can no longer see who guesses passwords, everything comes from the front; so the front
counts.  Answers 401, 403 and 404 to requests *with* credentials count against the true source and
against the address-of-record; a 401 that says ``stale=true`` (RFC 7616 3.3) does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.settings import Limits

#: Nonces live 90 s here: Asterisk's 32 s, others' 60 s, and a retransmission.
NONCE_LIFE = 90.0
#: Nonces and counted sources at most; older ones go first.
MAX_NONCES = 200_000
MAX_COUNTED = 100_000


class Nonces:
    """Which node (or trunk) issued a nonce: credentials must lead back to it (RFC 7616 3.3)."""

    __slots__ = ("_nonces",)

    def __init__(self) -> None:
        self._nonces: dict[bytes, tuple[int, float]] = {}

    def issued(self, nonce: bytes, by: int, now: float) -> None:
        """``by`` sent a challenge with this nonce."""
        nonces = self._nonces
        while nonces:
            oldest = next(iter(nonces))
            if nonces[oldest][1] > now and len(nonces) < MAX_NONCES:
                break
            del nonces[oldest]
        nonces.pop(nonce, None)
        nonces[nonce] = (by, now + NONCE_LIFE)

    def issuer(self, nonce: bytes, now: float) -> int | None:
        """Who issued it, None when that is not known (any more)."""
        found = self._nonces.get(nonce)
        return found[0] if found is not None and found[1] > now else None

    def __len__(self) -> int:
        return len(self._nonces)


def by_flow(flow: Flow) -> int:
    """How an address of a trunk is called as the issuer of a nonce; nodes are 0 and above."""
    return -1 - flow.ident


def nonce_of(value: bytes) -> bytes:
    """The nonce of a challenge or of credentials, b"" if there is none.

    A look at the octets only: whether the rest makes sense is the node's to judge.
    """
    at = value.find(b"nonce=")
    while at > 0 and value[at - 1] not in b" ,\t":
        at = value.find(b"nonce=", at + 6)  # cnonce=
    if at < 0:
        return b""
    rest = value[at + 6 :]
    if rest[:1] == b'"':
        return rest[1:].partition(b'"')[0]
    return rest.partition(b",")[0].strip()


class _Count:
    __slots__ = ("banned", "refused", "since")

    def __init__(self, now: float) -> None:
        self.refused = 0
        self.since = now
        self.banned = 0.0


class Guard:
    """Counts refused credentials, and bans."""

    __slots__ = ("_counts", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._counts: dict[str, _Count] = {}

    def banned(self, who: str, now: float) -> bool:
        """Whether this source or AOR is banned now."""
        count = self._counts.get(who)
        return count is not None and count.banned > now

    def refused(self, source: str, aor: str, now: float) -> bool:
        """A node refused credentials; True when this was one too many for one of the two."""
        limits = self.limits
        banned = self._add(source, limits.refused_per_source, now)
        return (bool(aor) and self._add("aor " + aor, limits.refused_per_aor, now)) or banned

    def accepted(self, source: str) -> None:
        """Credentials were right: what was counted against the source was a typing error."""
        count = self._counts.get(source)
        if count is not None:
            count.refused = 0

    def _add(self, who: str, allowed: int, now: float) -> bool:
        count = self._counts.get(who)
        if count is None:
            if len(self._counts) >= MAX_COUNTED:
                del self._counts[next(iter(self._counts))]
            count = self._counts[who] = _Count(now)
        if now - count.since > self.limits.window:
            count.since = now
            count.refused = 0
        count.refused += 1
        if count.refused >= allowed:
            count.banned = now + self.limits.ban
            count.refused = 0
            return True
        return False
