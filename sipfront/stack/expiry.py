"""The expiry that a phone is told: short where a NAT forgets, longer where nothing does.

A NAT forgets a UDP mapping after a minute or less (RFC 4787 4.3 lets it after two), so a phone
behind one comes back soon.  A connection says itself when it ends, and a phone that is seen by the
address in its own Contact has no NAT before it.  Exceptions by network and User-Agent first.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.settings import Network, PeerRule, Registering

#: What a phone asks for less than this is refused with 423 (RFC 3261 10.3 step 6): more REGISTERs
#: than calls help nobody, and no NAT forgets faster.
MIN_EXPIRES = 10
#: Answers that are remembered; a User-Agent is chosen by whoever sends it.
MAX_KNOWN = 20_000


class Expiries:
    """What which phone is told at most."""

    __slots__ = ("_known", "_local", "_peers", "_settings")

    def __init__(
        self,
        settings: Registering,
        local_networks: tuple[Network, ...],
        peers: tuple[PeerRule, ...] = (),
    ) -> None:
        self._settings = settings
        self._peers = tuple(rule for rule in peers if rule.phone_expiry is not None)
        self._local = local_networks
        self._known: dict[tuple[str, bool, bool, bytes], int] = {}

    def of(self, flow: Flow, host: bytes, agent: bytes) -> int:
        """Seconds for the phone behind ``flow`` whose Contact names ``host``."""
        near = flow.reliable or host.strip(b"[]") == flow.host.encode()
        key = (flow.host, flow.reliable, near, agent)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[key] = self._look(flow, near, agent)
        return known

    def _look(self, flow: Flow, near: bool, agent: bytes) -> int:
        settings = self._settings
        source = ip_address(flow.host)
        for rule in self._peers:
            if rule.networks and not any(source in network for network in rule.networks):
                continue
            if rule.agent is None or (agent and rule.agent.match(agent) is not None):
                return rule.phone_expiry or 0
        if flow.reliable or (near and any(source in network for network in self._local)):
            return settings.lan_expiry
        return settings.phone_expiry
