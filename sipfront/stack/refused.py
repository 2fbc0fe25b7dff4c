"""Credentials that a node refused: whom they count against, and the line that fail2ban reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import (
    AUTHORIZATION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
)
from sipfront.stack.guard import nonce_of
from sipfront.stack.notices import Rejected

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.plan import Plan
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

_CHALLENGES = (401, 407)


def count_refusal(
    shared: Shared, server: ServerTx, plan: Plan, message: Message, now: float
) -> None:
    """Credentials that a node refused count against their true source and their AOR."""
    request = server.request
    if request is None or plan.trunk:
        return
    if message.status == 404 and request.method != b"REGISTER":
        return  # a wrong number is no wrong password: an office would be banned for its typing
    value = request.value(AUTHORIZATION) or request.value(PROXY_AUTHORIZATION)
    if value is None:
        return
    for hid in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
        for refused in message.values(hid):
            if b"stale=true" in refused.lower().replace(b" ", b""):
                return
    issuer = shared.nonces.issuer(nonce_of(value), now)
    if message.status in _CHALLENGES and issuer is None:
        return  # an old nonce is no wrong password
    aor = plan.aor.decode("utf-8", "replace")
    flow = server.flow
    banned = shared.guard.refused(flow.host, aor, now)
    shared.count("credentials refused")
    shared.tell(
        Rejected(
            now,
            flow.host,
            flow.port,
            flow.listener.transport.name,
            f"credentials refused with {message.status}",
            aor,
            request.method.decode("ascii", "replace"),
            banned,
        )
    )
