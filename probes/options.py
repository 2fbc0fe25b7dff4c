"""One OPTIONS question to one node (RFC 3261 section 11).

Any answer proves that somebody speaks SIP there: 404, 405 or 503 to OPTIONS is alive too, and what
it means is for the caller to decide.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.exchange import Exchange, NoAnswerError
from probes.result import Result
from probes.target import HEADER, reach, sip_uri
from sipfront.sip import headers
from sipfront.sip.errors import SipError
from sipfront.sip.message import scan
from sipfront.sip.via import Via

if TYPE_CHECKING:
    import ssl

    from probes.result import Detail
    from sipfront.sip.uri import Uri

#: Seconds to wait for the answer, unless told otherwise.
TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question; ``status`` is 0 when nobody answered, ``failure`` then says why."""

    target: str
    status: int = 0
    reason: str = ""
    seconds: float = 0.0  #: from the first send to the answer, or to the end of waiting
    sends: int = 0
    agent: str = ""  #: what the node calls itself (Server or User-Agent)
    failure: str = ""  #: "", or: silent, refused, unreachable
    detail: str = ""  #: the failure in words

    @property
    def alive(self) -> bool:
        """Whether somebody answered, whatever the status."""
        return self.status > 0

    @property
    def ok(self) -> bool:
        """Whether the answer was a 2xx."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        if not self.alive:
            return f"{self.target}: {self.failure}: {self.detail}"
        by = f" by {self.agent}" if self.agent else ""
        return f"{self.target}: {self.status} {self.reason} in {self.seconds * 1000:.1f} ms{by}"


async def options(
    target: str,
    *,
    exchange: Exchange | None = None,
    local: str | None = None,
    timeout: float = TIMEOUT,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Ask ``target`` (``sip:host``, ``sip:user@host:port;transport=tcp``) how it is.

    With ``exchange`` the question goes that way; otherwise over a socket of its own, from the
    address ``local`` when that is given.  Raises SipError for a target that is no SIP URI.
    """
    uri = sip_uri(target)
    began = time.monotonic()
    try:
        if exchange is not None:
            return await _ask(target, uri, exchange, timeout)
        async with reach(uri, local, timeout, context) as own:
            return await _ask(target, uri, own, timeout)
    except NoAnswerError as error:
        return Answer(
            target,
            seconds=time.monotonic() - began,
            sends=error.sends,
            failure=error.kind,
            detail=str(error),
        )


async def _ask(target: str, uri: Uri, exchange: Exchange, timeout: float) -> Answer:
    token = secrets.token_hex(8).encode()
    request = question(uri, exchange.transport, exchange.local, token)
    began = time.monotonic()
    heard = await exchange.ask(request, lambda data: is_answer(data, token), timeout)
    seconds = time.monotonic() - began
    message = scan(heard.data)
    named = [*message.named(b"server"), *message.values(headers.USER_AGENT)]
    agent = named[0] if named else b""
    return Answer(
        target,
        status=message.status,
        reason=message.reason.decode("utf-8", "replace"),
        seconds=seconds,
        sends=heard.sends,
        agent=agent.decode("utf-8", "replace"),
    )


#: Statuses that mean "not now": the node lives and is merely busy.
BUSY = (480, 486, 503, 600)


def judge(answer: Answer, *, any_answer: bool = False) -> Result:
    """What an answer from a *health extension* means: 2xx serves, 404 has no such extension, 503
    is busy (which says nothing), everything else is bad.  ``any_answer``: all of them prove that
    somebody speaks SIP, and that is all that is asked."""
    details: dict[str, Detail] = {"status": answer.status, "sends": answer.sends}
    good: bool | None = answer.ok
    text = f"{answer.status} {answer.reason}".strip()
    if not answer.alive:
        good, text = (None if answer.failure == "unreachable" else False), answer.detail
    elif any_answer:
        good = True
    elif answer.status == 404:
        text += ": there is no such extension"
    elif answer.status in BUSY:
        good, text = None, f"busy: {text}"
    elif answer.status in (401, 403, 407):
        text += ": the PBX does not know the probe"
    return Result("options", answer.target, good, text, answer.seconds, details)


def question(uri: Uri, transport: str, local: tuple[str, int], token: bytes) -> bytes:
    """The OPTIONS request (RFC 3261 11.1); ``token`` makes branch, tag and Call-ID unique."""
    host, port = local
    here = f"{f'[{host}]' if ':' in host else host}:{port}".encode()
    target = bytes(uri)
    return b"".join(
        (
            b"OPTIONS %b SIP/2.0\r\n" % target,
            b"Via: SIP/2.0/%b %b;branch=z9hG4bK%b;rport\r\n" % (transport.encode(), here, token),
            b"Max-Forwards: 70\r\n",
            b"From: <sip:probe@%b>;tag=%b\r\n" % (here, token),
            b"To: <%b>\r\n" % target,
            b"Call-ID: %b@probe\r\n" % token,
            b"CSeq: 1 OPTIONS\r\n",
            b"Contact: <sip:probe@%b;transport=%b>\r\n" % (here, transport.lower().encode()),
            b"Accept: application/sdp\r\n",
            HEADER,
            b"User-Agent: sipfront-probe\r\n",
            b"Content-Length: 0\r\n\r\n",
        )
    )


def is_answer(data: bytes, token: bytes) -> bool:
    """Whether ``data`` is the final response to our question (RFC 3261 17.1.3)."""
    try:
        message = scan(data)
        branch = Via.parse(message.value(headers.VIA) or b"").branch
    except SipError:
        return False
    return (
        message.status >= 200
        and message.cseq_method == b"OPTIONS"
        and branch == b"z9hG4bK" + token
        and message.call_id == token + b"@probe"
    )
