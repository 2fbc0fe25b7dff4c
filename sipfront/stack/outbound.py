"""Phones that keep their connections themselves: what a REGISTER by the rules of RFC 5626 is told.

A binding's token is the flow token of RFC 5626 5.2: it names the flow by which its phone registered,
and there is one binding for each ``+sip.instance`` and ``reg-id``.  The node is the registrar, but
the flow ends here, so it is the front that says ``outbound``, whatever the node knows of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import params
from sipfront.sip.headers import SUPPORTED, VIA
from sipfront.stack.matching import interval

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.contacts import Entry


def wanted(message: Message, entry: Entry) -> bool:
    """Whether a Contact is registered by the rules of RFC 5626: the phone knows them, names its
    instance and the flow, and no proxy stands between (section 6: that one would need a Path)."""
    if b"reg-id" not in entry.binding.params or not instance(entry.binding):
        return False
    vias = message.values(VIA)
    if len(vias) != 1 or b"," in vias[0]:
        return False
    return any(
        word.strip().lower() == b"outbound"
        for value in message.values(SUPPORTED)
        for word in value.split(b",")
    )


def agreed(binding: Binding) -> bytes:
    """The phone is told that its flow is kept; the lines that a node did not say by itself."""
    for piece in params.pieces(binding.params):
        name = piece.partition(b"=")[0].strip().lower()
        if name in (b"+sip.instance", b"reg-id") and name not in binding.shown.lower():
            binding.shown += b";" + piece.strip()
    lines = b""
    also = binding.also.lower()
    if b"outbound" not in also:
        lines += b"Require: outbound\r\n"
    if b"flow-timer" not in also:
        lines += b"Flow-Timer: %d\r\n" % interval(binding.flow)
    binding.also += lines
    return lines


def instance(binding: Binding) -> bytes:
    """The ``+sip.instance`` of a binding, b"" without one."""
    if b"+sip.instance" not in binding.params.lower():
        return b""
    for piece in params.pieces(binding.params):
        name, _, value = piece.partition(b"=")
        if name.strip().lower() == b"+sip.instance":
            return value.strip()
    return b""
