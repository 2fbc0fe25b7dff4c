"""What a node's answers teach: how quick it is, whose nonce is whose, what it owes, that it is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import (
    AUTHORIZATION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
)
from sipfront.stack.choice import CHALLENGES
from sipfront.stack.guard import nonce_of
from sipfront.stack.notices import Overload

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx


def node_answered(shared: Shared, client: ClientTx, message: Message, now: float) -> None:
    """Learn from an answer of a node, whatever becomes of it."""
    link = shared.pair.links[client.node]
    if client.status == 0 and client.sends == 1:
        link.sample(now - client.sent_at, shared.settings.timing)
    status = message.status
    if status <= 100:
        return
    link.pending.pop(client.branch, None)
    if not client.invite:
        pass
    elif status >= 200:
        link.ringing.pop(client.branch, None)
        if client.server is not None and status not in CHALLENGES:
            link.finals += 1
            link.failed += 500 <= status < 600 and status != 503
    elif not client.abandoned:
        link.ringing[client.branch] = client
    if status in CHALLENGES:
        issued(shared, message, client.node, now)
    elif status == 503 and client.server is not None and client.invite:
        wanted = message.value(RETRY_AFTER)
        digits = wanted.partition(b"(")[0].partition(b";")[0].strip() if wanted else b""
        seconds = int(digits) if digits.isdigit() and len(digits) < 6 else 0
        link.overloaded_until = now + seconds if seconds else 0.0
        shared.tell(Overload(client.node, now, seconds))


def issued(shared: Shared, message: Message, by: int, now: float) -> None:
    """A challenge: credentials for its nonce must come back to whoever gave it."""
    for hid in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
        for value in message.values(hid):
            shared.nonces.issued(nonce_of(value), by, now)


def forgive(shared: Shared, client: ClientTx) -> None:
    """A branch ended without an answer: its node owes nothing for it any more."""
    if client.node < 0:
        return
    link = shared.pair.links[client.node]
    link.over(client.branch)
    server = client.server
    if server is not None and server.request is not None and client.invite:
        link.hedged.discard(server.request.call_id)


def stale(
    shared: Shared,
    client: ClientTx,
    request: Message,
    message: Message,
    now: float,
    edits: list[Edit],
) -> None:
    """Credentials for another node's nonce are not wrong, they are stale (RFC 7616 3.3): the
    phone answers the new challenge by itself and does not ask its user for a password."""
    given = request.value(AUTHORIZATION) or request.value(PROXY_AUTHORIZATION)
    if given is None:
        return
    issuer = shared.nonces.issuer(nonce_of(given), now)
    if issuer is None or issuer == client.node:
        return
    for field in message.fields:
        if field[0] in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
            value = message.data[field[2] : field[3]]
            if b"stale" not in value.lower():
                edits.append((field[3], field[3], b", stale=true"))
