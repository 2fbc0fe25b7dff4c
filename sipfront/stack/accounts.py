"""Credentials of phones, as far as the front knows them: what answers a node's challenge in the
phone's place (RFC 3261 22, RFC 7616, RFC 8760).

Pure: they are loaded by the runtime and pushed in as one immutable table.  An account whose
credentials a node refused is not tried again until the table is read anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sipfront.sip import digest
from sipfront.sip.digest import Credentials
from sipfront.sip.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Account(NamedTuple):
    """One user of the nodes.  ``ha1``: (realm, algorithm in lower case, HA1); the realm b"" stands
    for any.  ``password`` is used where no HA1 fits."""

    username: bytes
    password: bytes = b""
    ha1: tuple[tuple[bytes, bytes, bytes], ...] = ()

    def __repr__(self) -> str:
        """Never the secret, which would end in a log."""
        return f"Account({self.username!r})"

    def credentials(self, realm: bytes, algorithm: bytes) -> Credentials | None:
        """What answers for this realm and algorithm (without ``-sess``)."""
        for mine, kind, secret in self.ha1:
            if mine in (b"", realm) and kind == algorithm:
                return Credentials(self.username, realm, secret, algorithm)
        if self.password:
            return Credentials.of(self.username, realm, self.password, algorithm)
        return None

    def answer(
        self, challenges: Iterable[bytes], method: bytes, uri: bytes, cnonce: bytes, nc: int = 1
    ) -> bytes | None:
        """A value for Authorization that answers the first challenge that can be answered, in the
        order of the server (RFC 8760 2.4)."""
        for value in challenges:
            if digest.scheme(value) != b"digest":
                continue
            try:
                asked = digest.parse(value)
            except Malformed:
                continue
            kind = asked.get(b"algorithm", b"MD5").lower().removesuffix(b"-sess")
            if kind not in digest.ALGORITHMS:
                continue
            mine = self.credentials(asked.get(b"realm", b""), kind)
            if mine is not None and mine.answers(asked):
                return mine.header(asked, method, uri, cnonce, nc=nc)
        return None

    def proves(self, value: bytes, method: bytes) -> bool | None:
        """Whether credentials that a phone sent are made with this secret; None: cannot be said."""
        try:
            given = digest.parse(value)
        except Malformed:
            return False
        kind = given.get(b"algorithm", b"MD5").lower().removesuffix(b"-sess")
        if given.get(b"username") != self.username:
            return False
        if kind not in digest.ALGORITHMS:
            return None
        realm = given.get(b"realm", b"")
        for mine, algorithm, secret in self.ha1:
            if mine in (b"", realm) and algorithm == kind:
                return digest.verify(given, secret, method)
        if self.password:
            secret = digest.ha1(self.username, realm, self.password, kind)
            return digest.verify(given, secret, method)
        return None


class Accounts:
    """All accounts, by address-of-record or by its user part."""

    __slots__ = ("_all", "refused")

    def __init__(self, accounts: Mapping[bytes, Account] | None = None) -> None:
        self._all: Mapping[bytes, Account] = accounts or {}
        #: addresses-of-record whose credentials a node refused
        self.refused: set[bytes] = set()

    def replaced(self, accounts: Mapping[bytes, Account]) -> None:
        """The table was read anew."""
        self._all = accounts
        self.refused.clear()

    def of(self, aor: bytes) -> Account | None:
        """The account of an address-of-record, if it is known and was not refused."""
        found = self._all.get(aor)
        if found is None:
            found = self._all.get(aor.rpartition(b"@")[0])
        return None if found is None or aor in self.refused else found

    def __len__(self) -> int:
        return len(self._all)
