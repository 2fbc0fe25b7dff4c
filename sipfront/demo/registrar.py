"""A small registrar (RFC 3261 section 10) and its digest authentication (22, RFC 7616).

Users and bindings are kept in memory.  A nonce carries the time at which it was made, signed, so
that none has to be remembered; replay inside its life is not looked for.  No socket, no clock:
``now`` is passed in.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING

from sipfront.sip import address, digest
from sipfront.sip.errors import Malformed, SipError
from sipfront.sip.headers import AUTHORIZATION, CONTACT, EXPIRES, PROXY_AUTHORIZATION, TO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sipfront.sip.message import Message
    from sipfront.sip.uri import Uri

#: Seconds for which a nonce is good; after that the same credentials are ``stale``.
NONCE_LIFE = 60.0
#: Expiries that are granted, in seconds.
MIN_EXPIRES = 10
MAX_EXPIRES = 3600
DEFAULT_EXPIRES = 300
#: Contacts of one address-of-record.
MAX_CONTACTS = 10


class Denied(Exception):
    """A request that is not accepted: status and header lines of the answer."""

    def __init__(self, status: int, extra: bytes = b"") -> None:
        super().__init__(status)
        self.status = status
        self.extra = extra


class Doorman:
    """Asks for passwords."""

    def __init__(self, realm: str, users: Mapping[str, str]) -> None:
        self.realm = realm.encode()
        self._ha1 = {
            user.encode(): digest.ha1(user.encode(), self.realm, password.encode())
            for user, password in users.items()
        }
        self._secret = secrets.token_bytes(32)

    def known(self, user: str) -> bool:
        """Whether there is such a user."""
        return user.encode() in self._ha1

    def check(self, message: Message, now: float) -> str:
        """The user who proved to be the sender; raises Denied."""
        value = message.value(AUTHORIZATION) or message.value(PROXY_AUTHORIZATION)
        if value is None:
            raise self._challenge(now)
        try:
            given = digest.parse(value)
        except SipError:
            raise Denied(400) from None
        user = given.get(b"username", b"")
        made = self._made(given.get(b"nonce", b""))
        if given.get(b"realm") != self.realm or made is None:
            raise self._challenge(now)
        # An unknown user takes the same path and the same time as a wrong password.
        ha1 = self._ha1.get(user, b"0" * 32)
        if not digest.verify(given, ha1, message.method, message.body) or user not in self._ha1:
            raise Denied(403)
        if now - made > NONCE_LIFE:
            raise self._challenge(now, stale=True)
        return user.decode()

    def _challenge(self, now: float, *, stale: bool = False) -> Denied:
        stamp = b"%x" % int(now * 1000)
        nonce = stamp + b"." + self._sign(stamp)
        line = digest.challenge(self.realm, nonce, stale=stale)
        return Denied(401, b"WWW-Authenticate: %b\r\n" % line)

    def _made(self, nonce: bytes) -> float | None:
        """When one of our nonces was made (monotonic seconds)."""
        stamp, _, signature = nonce.partition(b".")
        if not compare_digest(signature, self._sign(stamp)):
            return None
        return int(stamp, 16) / 1000

    def _sign(self, stamp: bytes) -> bytes:
        return blake2b(stamp, key=self._secret, digest_size=12).hexdigest().encode()


class Contact:
    """One binding: a Contact URI until ``expires`` (monotonic seconds)."""

    __slots__ = ("call_id", "cseq", "expires", "raw", "uri")

    def __init__(self, uri: Uri, raw: bytes) -> None:
        self.uri = uri
        self.raw = raw
        self.expires = 0.0
        self.call_id = b""
        self.cseq = 0


class Registrar:
    """Addresses-of-record (here: users) and their Contacts."""

    def __init__(self) -> None:
        self._contacts: dict[str, list[Contact]] = {}

    def contacts(self, user: str, now: float) -> list[Contact]:
        """Those that have not expired."""
        held = [contact for contact in self._contacts.get(user, ()) if contact.expires > now]
        self._contacts[user] = held
        return held

    def count(self, now: float) -> int:
        """All bindings."""
        return sum(len(self.contacts(user, now)) for user in list(self._contacts))

    def register(self, user: str, message: Message, now: float) -> bytes:
        """Carry out a REGISTER of ``user`` (10.3); the header lines of its 200.

        All of it or nothing: raises Denied before anything is changed.
        """
        held = self.contacts(user, now)
        try:
            if _user_of(message) != user:
                raise Denied(403)
            changes = self._changes(held, message)
        except Malformed as error:
            raise Denied(error.status) from None
        for contact, seconds in changes:
            if contact in held:
                held.remove(contact)
            if seconds:
                contact.expires = now + seconds
                contact.call_id, contact.cseq = message.call_id, message.cseq
                held.append(contact)
        lines = [
            b"Contact: <%b>;expires=%d\r\n" % (contact.raw, round(contact.expires - now))
            for contact in held
        ]
        return b"".join(lines)

    def _changes(self, held: list[Contact], message: Message) -> list[tuple[Contact, int]]:
        """(Contact, seconds; 0 removes it) for each that the request names."""
        default = _seconds(message.value(EXPIRES), DEFAULT_EXPIRES)
        values = message.values(CONTACT)
        if any(value.strip() == b"*" for value in values):
            if len(values) > 1 or default:
                raise Denied(400)
            return [(contact, 0) for contact in held]
        changes: list[tuple[Contact, int]] = []
        for value in values:
            for start, end in address.split(value):
                parsed = address.parse(value[start:end])
                uri = parsed.parsed()
                seconds = min(_seconds(parsed.param(b"expires"), default), MAX_EXPIRES)
                if 0 < seconds < MIN_EXPIRES:
                    raise Denied(423, b"Min-Expires: %d\r\n" % MIN_EXPIRES)
                old = next((contact for contact in held if contact.uri.same(uri)), None)
                if old is not None and old.call_id == message.call_id:
                    if message.cseq <= old.cseq:
                        raise Denied(500)  # 10.3 step 7: out of order
                if old is not None or seconds:
                    changes.append((old or Contact(uri, parsed.uri), seconds))
        if sum(1 for contact, _ in changes if contact not in held) + len(held) > MAX_CONTACTS:
            raise Denied(403)
        return changes


def _seconds(value: bytes | None, default: int) -> int:
    """An expiry; what cannot be read is the default (20.19)."""
    if value is None or not value.isdigit() or len(value) > 10:
        return default
    return int(value)


def _user_of(message: Message) -> str:
    uri = address.parse(message.value(TO) or b"").parsed()
    return (uri.user or b"").decode("utf-8", "replace")
