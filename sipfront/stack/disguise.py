"""What stands in a Contact in place of the far side: our address, and a token that says the rest.

Which token it is: a node's or an outside party's own, one that also says by which tag the other
side knows the dialog (:mod:`sipfront.stack.tagmap`), or a name for what does not fit into any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.uri import parse_uri
from sipfront.stack.forward import hidden
from sipfront.stack.hiding import NAMED, literal

if TYPE_CHECKING:
    from sipfront.sip.uri import Uri
    from sipfront.stack.flows import Flow, Listener
    from sipfront.stack.shared import Shared
    from sipfront.stack.tagmap import Kept

_SIP = (b"sip", b"sips")


class Hide:
    """Rewrites Contact URIs of one side for the listener of the other; remembers the token."""

    __slots__ = ("_flow", "_kept", "_listener", "_node", "_secure", "_shared", "redirect", "token")

    def __init__(
        self,
        shared: Shared,
        listener: Listener,
        node: int,
        flow: Flow | None,
        redirect: bool = False,
        secure: bool = False,
        kept: Kept | None = None,
    ) -> None:
        """``flow``: that of the outside party whose Contact it is, None for a node's Contact.
        ``kept``: the dialog has two names."""
        self._shared = shared
        self._listener = listener
        self._node = node
        self._flow = flow
        self._secure = secure
        self._kept = kept
        self.redirect = redirect
        self.token = b""

    def __call__(self, raw: bytes) -> bytes:
        """The URI that stands for ``raw`` on the other side; raises Malformed."""
        flow = self._flow
        if self._kept is not None or self.redirect:
            return self._made(raw)
        # The same all over again: a phone's Contact in each of its calls, a node's in every answer.
        tokens = self._shared.tokens
        index = self._listener.index
        key = (raw, index, self._node, 0 if flow is None else flow.ident, self._secure)
        known = tokens.hidden(key)
        if known is not None:
            new, self.token = known
            return new
        new = self._made(raw)
        if self.token and self.token[:1] != NAMED:  # what a name stands for may be forgotten
            tokens.hide(key, (new, self.token))
        return new

    def _made(self, raw: bytes) -> bytes:
        uri = parse_uri(raw)
        if uri.scheme not in _SIP:
            return raw
        if self.redirect:
            return self._mapped(uri)
        shared = self._shared
        host = literal(uri.host)
        port = uri.port or 5060
        token: bytes | None = None
        if self._kept is not None and host is not None:
            token = self._both(self._kept, host, port)
        if token is not None:
            pass
        elif self._flow is not None:
            if host is not None:
                token = shared.tokens.outside(self._node, self._flow, host, port)
            if token is None:
                token = shared.name(0, self._node, self._flow, raw.partition(b"?")[0])
        else:
            if host is not None:
                token = shared.tokens.node(self._node, host, port)
            if token is None:
                token = shared.name(1, self._node, None, raw.partition(b"?")[0])
        self.token = token
        return hidden(uri, self._listener, token, self._secure)

    def _both(self, kept: Kept, host: str, port: int) -> bytes | None:
        """A token that says under which tag the other side knows the dialog, where that fits."""
        tokens = self._shared.tokens
        if self._flow is not None:
            return tokens.kept_outside(self._flow, host, port, kept.tag) if kept.moved else None
        return tokens.kept_node(self._node, host, port, kept.own) if kept.apart else None

    def _mapped(self, uri: Uri) -> bytes:
        """A 3xx Contact is no remote target: only the far side's name for us, or for a node, is
        mapped to the near side's name for us."""
        shared = self._shared
        host = uri.host_key
        if host in shared.own_hosts or (self._flow is None and host in shared.mask.hosts):
            return hidden(uri, self._listener, b"")
        return uri.raw
