"""What changes in a message that passes the front: a few edits, everything else as received.

Towards a peer a message shows one Via (ours), no Record-Route, a Route only of that peer's own
proxies, and a Contact at the front.  Towards the outside nothing betrays a node (design: message
rules, "hosts that betray a node"); towards nodes nothing of the outside's Via, Route or Contact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import (
    CONTACT,
    CONTENT_LENGTH,
    COUNT,
    MAX_FORWARDS,
    OURS,
    PATH,
    RECORD_ROUTE,
    RETRY_AFTER,
    ROUTE,
    SERVICE_ROUTE,
    VIA,
)
from sipfront.sip.message import Edit, Message, splice
from sipfront.sip.params import octets
from sipfront.sip.shapes import number
from sipfront.sip.uri import Uri
from sipfront.stack.flows import Listener, Transport
from sipfront.stack.hiding import PARAM

if TYPE_CHECKING:
    from sipfront.sip.fields import Field

#: A new URI for one of a Contact; raises Malformed for one that cannot be read.
Rewrite = Callable[[bytes], bytes]

#: URI parameters of the far side that mean nothing, or something else, at ours (design, Contact).
DROPPED = (b"transport", b"maddr", b"ttl", b"method", b"ob", b"lr", PARAM)
#: The longest hidden URI: PJSIP refuses to authenticate a Request-URI of 256 octets.
MAX_URI = 200

_DROP = 1
_VIA = 2
_MAX_FORWARDS = 3
_CONTACT = 4
_RETRY_AFTER = 5

_REQUEST_ACTIONS = bytearray(COUNT)
for _hid in (ROUTE, RECORD_ROUTE, OURS, PATH):
    _REQUEST_ACTIONS[_hid] = _DROP
_REQUEST_ACTIONS[VIA] = _VIA
_REQUEST_ACTIONS[MAX_FORWARDS] = _MAX_FORWARDS
_REQUEST_ACTIONS[CONTACT] = _CONTACT

_RESPONSE_ACTIONS = bytearray(COUNT)
for _hid in (RECORD_ROUTE, OURS, PATH, SERVICE_ROUTE, ROUTE):
    _RESPONSE_ACTIONS[_hid] = _DROP
_RESPONSE_ACTIONS[VIA] = _VIA
_RESPONSE_ACTIONS[CONTACT] = _CONTACT
_RESPONSE_ACTIONS[RETRY_AFTER] = _RETRY_AFTER
#: What may stand in a request line, read as kindly as can be: no blank, no control, no bracket.
_TARGET = octets(bytes(octet for octet in range(33, 256) if octet not in b'"<>\x7f'))

#: What stands in a URI for each transport (``sips:`` over TLS says tcp, RFC 3261 26.2.2).
_TAILS = [b"", b";transport=tcp", b";transport=tls", b";transport=ws", b";transport=ws"]
_TOKEN = b";%b=" % PARAM
#: Max-Forwards as it is written; hardly anybody begins above 70.
_HOPS = [b"%d" % hops for hops in range(256)]

#: Whether this module runs compiled.
COMPILED = not __file__.endswith(".py")
_YES = 48  # what a table has for an octet that is allowed
_QUOTE = 34
_COMMA = 44
_LEFT = 60
_RIGHT = 62


def request(
    message: Message,
    uri: bytes,
    via: bytes,
    routes: bytes = b"",
    contact: Rewrite | None = None,
    extra: bytes = b"",
    edits: list[Edit] | None = None,
) -> bytes:
    """A request as it is forwarded.

    ``via``: our Via value with its branch.  ``routes``: the value of the Route header, b"" for
    none.  ``contact``: what becomes of the URIs of its Contacts.  ``extra``: header lines added
    after the Via.  ``edits``: further edits (their spans are not touched by this function).
    """
    changes: list[Edit] = [] if edits is None else edits
    if uri != message.uri:
        start, end = message.uri_span
        changes.append((start, end, uri))
    lines = [b"Via: ", via, b"\r\n"]
    if routes:
        lines += (b"Route: ", routes, b"\r\n")
    if not message.has(MAX_FORWARDS):
        lines.append(b"Max-Forwards: 70\r\n")  # RFC 3261 16.6 step 3
    if not message.has(CONTENT_LENGTH):
        lines.append(_length(message, changes))
    lines.append(extra)
    top = b"".join(lines)
    actions = _REQUEST_ACTIONS
    for field in message.fields:
        hid = field[0]
        action = actions[hid]
        if not action:
            continue
        if action == _VIA:
            changes.append((field[1], field[4], top))
            top = b""
        elif action == _DROP:
            changes.append((field[1], field[4], b""))
        elif action == _MAX_FORWARDS:
            left = number(message.data[field[2] : field[3]]) - 1
            changes.append((field[2], field[3], _HOPS[left] if left < 256 else b"%d" % left))
        elif contact is not None:
            _contacts(message, field, contact, changes)
    return splice(message, changes)


def response(
    message: Message,
    vias: bytes,
    record_routes: bytes = b"",
    contact: Rewrite | None = None,
    edits: list[Edit] | None = None,
    drop_retry_after: bool = False,
) -> bytes:
    """A response as it is passed back: with the Vias and Record-Routes of the request."""
    changes: list[Edit] = [] if edits is None else edits
    top = vias + record_routes if record_routes else vias
    if not message.has(CONTENT_LENGTH):
        top += _length(message, changes)
    actions = _RESPONSE_ACTIONS
    for field in message.fields:
        hid = field[0]
        action = actions[hid]
        if not action:
            continue
        if action == _VIA:
            changes.append((field[1], field[4], top))
            top = b""
        elif action == _DROP or (action == _RETRY_AFTER and drop_retry_after):
            changes.append((field[1], field[4], b""))
        elif action == _CONTACT and contact is not None:
            _contacts(message, field, contact, changes)
    return splice(message, changes)


def _length(message: Message, changes: list[Edit]) -> bytes:
    """What datagrams and WebSocket messages may leave out, and a stream cannot do without
    (RFC 3261 20.14, RFC 7118 section 5)."""
    begin = message.body_start
    length = message.body_end - begin
    for at, end, new in changes:
        if at >= begin:
            length += len(new) - (end - at)
    return b"Content-Length: %d\r\n" % length


def _plain_span(value: bytes) -> tuple[int, int] | None:
    """Where the URI of the one Contact ``<uri>...`` stands; None for a value of another shape.

    Raises Malformed for a URI that no request line can hold, where it may be asked to stand.
    """
    if COMPILED:
        return span_by_octet(value)
    return span_by_method(value)


def span_by_method(value: bytes) -> tuple[int, int] | None:
    """The reading for the interpreter."""
    if _QUOTE in value or _COMMA in value:
        return None
    left = value.find(b"<")
    right = value.find(b">", left)
    if left < 0 or right < 0:
        return None
    if not value[left + 1 : right].translate(_TARGET).isdigit():
        raise Malformed("bad octet in URI")
    return left + 1, right


def span_by_octet(value: bytes) -> tuple[int, int] | None:
    """The reading for the compiler."""
    octets, size, table = value, len(value), _TARGET
    at = 0
    left = right = -1
    bad = False
    while at < size:
        octet = octets[at]
        if octet in (_QUOTE, _COMMA):
            return None
        if left < 0:
            if octet == _LEFT:
                left = at
        elif right < 0:
            if octet == _RIGHT:
                right = at
            elif table[octet] != _YES:
                bad = True
        at += 1
    if right < 0:
        return None
    if bad or right == left + 1:
        raise Malformed("bad octet in URI")
    return left + 1, right


def uri_spans(value: bytes) -> list[tuple[int, int]]:
    """Where the URIs of a Contact value stand; raises Malformed."""
    plain = _plain_span(value)
    if plain is not None:
        return [plain]
    if value.strip() == b"*":
        return []
    spans = []
    for start, end in address.split(value):
        parsed = address.parse(value[start:end])
        spans.append((start + parsed.uri_start, start + parsed.uri_end))
    return spans


def _contacts(message: Message, field: Field, rewrite: Rewrite, changes: list[Edit]) -> None:
    at = field[2]
    value = message.data[at : field[3]]
    found: list[Edit] = []
    try:
        for start, end in uri_spans(value):
            old = value[start:end]
            new = rewrite(old)
            if new != old:
                if start == 0 or value[start - 1] != _LEFT:
                    new = b"<%b>" % new  # its parameters must not become the header's
                found.append((at + start, at + end, new))
    except Malformed:
        # What cannot be read cannot be hidden, and is nowhere that anybody could be reached.
        changes.append((field[1], field[4], b""))
        return
    changes += found


def contact_uri(message: Message) -> bytes:
    """The URI of the only (or first) Contact, b"" if there is none (RFC 3261 12.1)."""
    field = message.field(CONTACT)
    if field is None:
        return b""
    value = message.data[field[2] : field[3]]
    try:
        spans = uri_spans(value)
    except Malformed:
        return b""
    if not spans:
        return b""
    start, end = spans[0]
    return value[start:end]


def hidden(uri: Uri, listener: Listener, token: bytes, secure: bool = False) -> bytes:
    """The URI that stands for ``uri`` on the side of ``listener``.

    User part and parameters that are not about reaching it are kept.
    """
    user = uri.user
    scheme = b"sips:" if secure and not listener.inside else b"sip:"
    head = b"%b%b@%b" % (scheme, user, listener.contact) if user else scheme + listener.contact
    tail = _TAILS[listener.transport]
    if listener.transport == Transport.TLS and scheme == b"sips:":
        tail = b";transport=tcp"
    if token:
        tail = b"".join((tail, _TOKEN, token))
    kept = uri.without(*DROPPED).params if uri.params else b""
    if kept and len(head) + len(kept) + len(tail) < MAX_URI:
        return b"%b;%b%b" % (head, kept, tail)
    if len(head) + len(tail) > MAX_URI:
        return b"%b%b%b" % (scheme, listener.contact, tail)
    return head + tail


def reversed_routes(values: list[bytes]) -> bytes:
    """The route set that a UAC takes from a response (RFC 3261 12.1.2): reversed."""
    if not values:
        return b""
    routes: list[bytes] = []
    for value in values:
        routes.extend(value[start:end] for start, end in address.split(value))
    routes.reverse()
    return b", ".join(routes)


def routed(target: bytes, routes: bytes) -> tuple[bytes, bytes]:
    """Request-URI and Route value for a target and a route set (RFC 3261 12.2.1.1, 16.6 step 6).

    A first route without ``lr`` is a strict router: it becomes the Request-URI, and the target
    goes to the end.
    """
    if not routes or b";lr" in routes.partition(b">")[0]:
        return target, routes
    spans = address.split(routes)
    first = address.parse(routes[spans[0][0] : spans[0][1]])
    if Uri.parse(first.uri).param(b"lr") is not None:
        return target, routes
    rest = [routes[start:end] for start, end in spans[1:]]
    rest.append(b"<%b>" % target)
    return bytes(first.uri), b", ".join(rest)
