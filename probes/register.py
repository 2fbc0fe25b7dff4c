"""Can a phone register?  REGISTER of a probe account (RFC 3261 10), answered by digest.

A 200 is not enough: it must carry *this* Contact.  A PBX whose location database is a read-only
replica answers 200 without it, and the phone is not registered.  Each question registers a Contact
that has never been there, so that an old one cannot pass for it, and removes it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from probes.exchange import NoAnswerError
from probes.result import Bad, Busy, Result, judged
from probes.target import Account, Talk, reach, said, sip_uri
from sipfront.sip import address, headers, params
from sipfront.sip.errors import SipError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from probes.exchange import Exchange
    from probes.result import Detail
    from sipfront.sip.message import Message
    from sipfront.sip.uri import Uri

#: Seconds that are asked for: what is left behind by a probe that was killed is gone after it.
EXPIRES = 60
#: The longest that a PBX may ask for in a 423 (RFC 3261 10.2.8) before it is called bad.
LONGEST = 7200
#: Requests of one question: without credentials, with them, and each once more (423, stale).
TRIES = 5
#: Seconds for taking the Contact away again; nobody waits for more.
REMOVE = 0.5
TIMEOUT = 2.0


async def register(
    target: str,
    account: Account,
    *,
    local: str | None = None,
    timeout: float = TIMEOUT,
    context: ssl.SSLContext | None = None,
    exchange: Exchange | None = None,
) -> Result:
    """Register ``account`` at ``target`` (``sip:HOST[:PORT][;transport=tcp]``).

    Raises SipError for a target that is no SIP URI.
    """
    uri = sip_uri(target)

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        if exchange is not None:
            return await _ask(uri, account, exchange, timeout)
        async with reach(uri, local, timeout, context) as own:
            return await _ask(uri, account, own, timeout)

    # The removal comes on top of what the answer may take.
    return await judged("register", target, timeout + REMOVE, ask())


async def _ask(
    uri: Uri, account: Account, exchange: Exchange, timeout: float
) -> tuple[str, Mapping[str, Detail]]:
    began = time.monotonic()
    talk = Talk(uri, exchange, account)
    contact = talk.contact.replace(b"<sip:", b"<sip:probe-%b-" % talk.token[:8])
    expires, authorization = EXPIRES, b""
    answer = None
    for _ in range(TRIES):
        left = max(timeout - (time.monotonic() - began), 0.001)
        answer = await talk.ask(_request(talk, account, contact, expires, authorization), left)
        if answer.status in (401, 407):
            if authorization and not _stale(answer):
                raise Bad(f"{answer.status}: the credentials of {account.user} are refused")
            authorization = talk.credentials(answer, b"REGISTER", b"sip:" + talk.host, b"")
        elif answer.status == 423:
            shortest = answer.value(headers.MIN_EXPIRES) or b""
            if not shortest.isdigit() or not expires < int(shortest) <= LONGEST:
                raise Bad("423 without a useful Min-Expires")
            expires = int(shortest)
        else:
            break
    assert answer is not None
    took = time.monotonic() - began
    if answer.status == 503:
        raise Busy(f"busy: {said(answer)}", status=answer.status)
    if not 200 <= answer.status < 300:
        raise Bad(said(answer), status=answer.status)
    kept = granted(answer, contact)
    if kept is None:
        others = len(answer.values(headers.CONTACT))
        raise Bad(
            f"{said(answer)}, but without our Contact: not registered",
            status=answer.status,
            other_contacts=others,
        )
    await _remove(talk, account, contact, authorization)
    details: dict[str, Detail] = {"status": answer.status, "expires": kept, "register_s": took}
    return f"registered for {kept} s", details


def _request(
    talk: Talk, account: Account, contact: bytes, expires: int, authorization: bytes
) -> bytes:
    aor = b"<sip:%b@%b>" % (account.user.encode(), talk.host)
    extra = b"Contact: %b\r\nExpires: %d\r\n%b" % (contact, expires, authorization)
    return talk.request(b"REGISTER", b"sip:" + talk.host, aor, extra=extra)


def _stale(answer: Message) -> bool:
    values = [*answer.values(headers.WWW_AUTHENTICATE), *answer.values(headers.PROXY_AUTHENTICATE)]
    return any(b"stale=true" in value.lower().replace(b'"', b"") for value in values)


def granted(answer: Message, contact: bytes) -> int | None:
    """The seconds for which ``contact`` is registered (RFC 3261 10.2.4), None if it is not."""
    ours = address.parse(contact).parsed()
    for value in answer.values(headers.CONTACT):
        for piece in params.pieces(value, b","):
            try:
                found = address.parse(piece.strip())
                same = found.parsed().user == ours.user
            except SipError:
                continue
            if same:
                given = found.param(b"expires") or answer.value(headers.EXPIRES) or b"%d" % EXPIRES
                seconds = int(given) if given.isdigit() else 0
                return seconds if seconds > 0 else None
    return None


async def _remove(talk: Talk, account: Account, contact: bytes, authorization: bytes) -> None:
    """Take the Contact away (RFC 3261 10.2.2); what fails ends by itself after EXPIRES."""
    with contextlib.suppress(NoAnswerError, TimeoutError, Bad):
        async with asyncio.timeout(REMOVE):
            answer = await talk.ask(_request(talk, account, contact, 0, authorization), REMOVE)
            if answer.status in (401, 407):
                again = talk.credentials(answer, b"REGISTER", b"sip:" + talk.host, b"")
                await talk.ask(_request(talk, account, contact, 0, again), REMOVE)
