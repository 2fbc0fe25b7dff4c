"""Bodies that list the Contacts of an address-of-record (reginfo, RFC 3680) as each phone may see them.

A node knows every phone by a Contact at the front's inside address with the binding's token.  The
phone that watches sees its own Contact where the binding is its own, and everybody else's as the
front's address outside, with the same token in every document, so that what it has seen before
names the same phone.  Everything else of the document passes; what is no XML at all, or names no
token, has its hosts masked like every other body (design: hosts that betray a node).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CONTENT_TYPE
from sipfront.sip.uri import Uri
from sipfront.stack.forward import hidden
from sipfront.stack.hiding import PARAM

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.shared import Shared

KIND = b"application/reginfo+xml"
#: The element of a contact's URI (RFC 3680 5.1), whatever prefix its namespace has.
_URI = re.compile(rb"(<(?:[\w.\-]{1,64}:)?uri>)([^<]*)(?=</)")
_SIP = (b"sip", b"sips")


def listed(message: Message) -> bool:
    """Whether a message carries such a list."""
    if message.method != b"NOTIFY":
        return False
    kind = message.value(CONTENT_TYPE) or b""
    return kind.partition(b";")[0].strip().lower() == KIND


def masked(shared: Shared, message: Message, flow: Flow, edits: list[Edit]) -> bytes:
    """The edits that let a request of a node go by ``flow`` without betraying a node or a phone;
    gives the URI that the node had in From, or b""."""
    body = None
    if listed(message):
        body = _URI.sub(lambda found: found[1] + _shown(shared, found[2], flow), message.body)
    return shared.mask.edits(message, edits, body)


def _shown(shared: Shared, text: bytes, flow: Flow) -> bytes:
    """One URI, as it stands in XML."""
    try:
        uri = Uri.parse(text.strip().replace(b"&amp;", b"&"))
    except Malformed:
        return text
    token = uri.param(PARAM) if uri.scheme in _SIP else None
    if token is None:
        return text
    token = token.lower()
    binding = shared.bindings.get(token)
    if binding is not None and binding.flow is flow:
        new = binding.contact
    else:
        new = hidden(uri, flow.listener, token)
    return new.replace(b"&", b"&amp;").replace(b"<", b"&lt;")
