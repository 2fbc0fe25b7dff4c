"""Messages in clear text, for those who have the token: what people say to each other is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import ERROR, Answer, Asked, Refused, Route, answer
from sipfront.admin.schema import array, boolean, integer, maybe, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

PATH = "/api/v1/trace"
#: The longest Call-ID or address-of-record that is looked for.
NAME_MAX = 512
#: Calls in one answer about a party.
CALLS = 20

MESSAGE = record(
    {
        "n": integer("Its number; grows with time"),
        "at": number("When, seconds since the epoch of Unix"),
        "sent": boolean("By the front; else it came in"),
        "side": text("Where its peer is", enum=["inside", "outside"]),
        "party": text("A node's or a trunk's name, a phone's extension, or an address"),
        "transport": text("UDP, TCP, TLS, WS or WSS: how it went; it is shown in clear"),
        "local": text("The front's address and port"),
        "remote": text("The peer's address and port"),
        "call_id": text("Its Call-ID"),
        "label": text("INVITE, or 200 (BYE)"),
        "text": text("The whole message; octets that are no UTF-8 are replaced"),
        "octets": text("The same octet for octet, in base64 (only when asked for)"),
    },
    optional=("octets",),
)
NOTE = record(
    {
        "at": number("When"),
        "event": text("A word"),
        "text": text("What the front did for the call, or what happened to the nodes meanwhile"),
    }
)
CALL = record(
    {
        "call_ids": array(text(), "Of all its dialogs"),
        "messages": array(MESSAGE, "In the order of time"),
        "notes": array(NOTE, "In the order of time"),
    }
)
TRACE = record(
    {
        "calls": array(CALL, "Oldest first; a registration or subscription is one too"),
        "since": maybe(number("When the oldest message that is remembered came or went")),
        "remembers": boolean("Are messages remembered at all (`trace.messages`)"),
        "cut": boolean("There is more than one answer holds"),
        "masked": boolean("Secrets are asterisks"),
        "next": integer("Up to this number it was looked: `after` for what comes next"),
    }
)


async def _trace(asked: Asked) -> web.StreamResponse:
    found = await asked.control.trace(asked.query)
    if found is None:
        raise Refused(503, "others are asking for traces; try again in a second")
    return answer(found)


ROUTES = (
    Route(
        "GET",
        PATH,
        _trace,
        "The messages of a call, both sides, in clear text",
        "calls",
        {
            200: Answer("What is remembered of it", TRACE),
            503: Answer("As many traces as the front makes at once are being made", ERROR),
        },
        query={
            "name": text(
                "A Call-ID of any dialog of a call, or its X-Sipfront-Call; or, of `kind` aor, an "
                "extension or user@domain",
                minLength=1,
                maxLength=NAME_MAX,
            ),
            "kind": text("What the name is", enum=["call", "aor"], default="call"),
            "after": integer(
                "Only messages with a greater number", minimum=0, maximum=2**53, default=0
            ),
            "calls": integer("So many calls at most", minimum=1, maximum=CALLS, default=CALLS),
            "secrets": boolean("Passwords, keys of media and dialled digits too", default=False),
            "octets": boolean("Also octet for octet", default=False),
        },
        about="Needs the token, also from this machine. The newest messages are kept in memory.",
        private=True,
    ),
)
