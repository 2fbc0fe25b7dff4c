"""Where a SIP probe asks, and how it gets there: the URI, the way, and one request after the other.

A :class:`Talk` is a UAC without a dialog: it makes requests that belong together (one Call-ID, one
From tag, rising CSeq) and answers one challenge with the credentials of a probe account.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.exchange import tcp, tls, udp
from probes.result import Bad
from sipfront.sip import headers
from sipfront.sip.digest import Credentials, parse, scheme
from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan
from sipfront.sip.uri import Uri
from sipfront.sip.uri import parse as parse_uri
from sipfront.sip.via import Via

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from probes.exchange import Exchange

#: What tells a PBX that it is a probe that asks; the PBX lets it in by that and nothing else.
HEADER = b"X-Sipfront-Probe: 1\r\n"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the PBX that exists for probes only."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Never the password, which would end in a log."""
        return f"Account({self.user!r})"


def sip_uri(target: str) -> Uri:
    """``target`` as a SIP URI that can be asked; raises SipError."""
    uri = parse_uri(target.encode())
    if uri.scheme != b"sip":
        raise SipError(f"{target}: only sip: can be probed")
    return uri


@contextlib.asynccontextmanager
async def reach(
    uri: Uri, local: str | None, timeout: float, context: ssl.SSLContext | None = None
) -> AsyncIterator[Exchange]:
    """A way to ``uri`` of our own, from the address ``local`` when that is given."""
    host, port = uri.host.decode().strip("[]"), uri.port
    transport = (uri.param(b"transport") or b"udp").lower()
    if transport == b"udp":
        async with udp(host, port or 5060, local) as own:
            yield own
    elif transport == b"tcp":
        async with tcp(host, port or 5060, local, timeout) as own:
            yield own
    elif transport == b"tls":
        async with tls(host, port or 5061, local, timeout, context) as own:
            yield own
    else:
        raise SipError(f"transport {transport.decode()} cannot be probed")


class Talk:
    """Requests to one target that belong together."""

    def __init__(self, uri: Uri, exchange: Exchange, account: Account | None = None) -> None:
        self.exchange = exchange
        self.account = account
        #: the Request-URI: no transport parameter, which is for us alone
        self.uri = bytes(uri)
        self.host = _host(uri)
        self.token = secrets.token_hex(8).encode()
        self.call_id = self.token + b"@probe"
        host, port = exchange.local
        self.here = f"{f'[{host}]' if ':' in host else host}:{port}".encode()
        user = account.user.encode() if account is not None else b"probe"
        self.sender = b"<sip:%b@%b>;tag=%b" % (user, self.host, self.token)
        self.contact = b"<sip:%b@%b;transport=%b>" % (
            user,
            self.here,
            exchange.transport.lower().encode(),
        )
        self.cseq = 0
        self._nonces: dict[bytes, int] = {}

    def request(
        self,
        method: bytes,
        uri: bytes,
        to: bytes,
        *,
        extra: bytes = b"",
        body: bytes = b"",
        cseq: int | None = None,
        branch: bytes | None = None,
        routes: bytes = b"",
    ) -> bytes:
        """A request (RFC 3261 8.1.1).  ``cseq`` and ``branch``: of the request that it belongs to
        (ACK, CANCEL); else the next ones.  ``extra``, ``routes``: whole header lines."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        if branch is None:
            branch = b"z9hG4bK%b%d%b" % (self.token, cseq, method[:1])
        ours = HEADER if self.account is None else b""
        return b"".join(
            (
                b"%b %b SIP/2.0\r\n" % (method, uri),
                b"Via: SIP/2.0/%b %b;branch=%b;rport\r\n"
                % (self.exchange.transport.encode(), self.here, branch),
                b"Max-Forwards: 70\r\n",
                routes,
                b"From: %b\r\nTo: %b\r\n" % (self.sender, to),
                b"Call-ID: %b\r\nCSeq: %d %b\r\n" % (self.call_id, cseq, method),
                ours,
                extra,
                b"User-Agent: sipfront-probe\r\n",
                b"Content-Length: %d\r\n\r\n" % len(body),
                body,
            )
        )

    def is_answer(self, data: bytes, sent: bytes) -> bool:
        """Whether ``data`` is a response to the request ``sent`` (RFC 3261 17.1.3)."""
        try:
            message, request = scan(data), scan(sent)
            branch = Via.parse(message.value(headers.VIA) or b"").branch
            ours = Via.parse(request.value(headers.VIA) or b"").branch
        except SipError:
            return False
        return (
            message.status >= 100
            and branch == ours
            and message.cseq_method == request.method
            and message.call_id == self.call_id
        )

    async def ask(self, request: bytes, timeout: float) -> Message:
        """Send one request, return its final response.  Raises a NoAnswerError."""

        def final(data: bytes) -> bool:
            return self.is_answer(data, request) and scan(data).status >= 200

        return scan((await self.exchange.ask(request, final, timeout)).data)

    def credentials(self, challenge: Message, method: bytes, uri: bytes, body: bytes) -> bytes:
        """The header line that answers a 401 or 407 (RFC 3261 22; RFC 8760); raises Bad."""
        if self.account is None:
            raise Bad(f"{challenge.status}: wants credentials, and the probe has none")
        proxy = challenge.status == 407
        values = challenge.values(headers.PROXY_AUTHENTICATE if proxy else headers.WWW_AUTHENTICATE)
        user, password = self.account.user.encode(), self.account.password.encode()
        for value in values:
            if scheme(value) != b"digest":
                continue
            try:
                offered = parse(value)
                ours = Credentials.of(
                    user,
                    offered.get(b"realm", b""),
                    password,
                    offered.get(b"algorithm", b"MD5"),
                )
                if not ours.answers(offered):
                    continue
            except (SipError, ValueError):
                continue  # an algorithm that we do not know: the next challenge (RFC 8760 2.4)
            nonce = offered[b"nonce"]
            self._nonces[nonce] = count = self._nonces.get(nonce, 0) + 1
            cnonce = secrets.token_hex(8).encode()
            line = ours.header(offered, method, uri, cnonce, nc=count, body=body)
            return (b"Proxy-Authorization: " if proxy else b"Authorization: ") + line + b"\r\n"
        raise Bad(f"{challenge.status}: no challenge that can be answered (MD5 or SHA-256)")


def _host(uri: Uri) -> bytes:
    return uri.host if uri.port is None else b"%b:%d" % (uri.host, uri.port)


def said(message: Message) -> str:
    """Status and reason of an answer, for people."""
    return f"{message.status} {message.reason.decode('utf-8', 'replace')}".strip()
