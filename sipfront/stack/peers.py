"""What is known about some peers outside and not about others: the exceptions of ``peers``.

Of the rules that are about a peer and say something of a property, the first one counts.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from sipfront.sip.headers import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.sip.message import Message
    from sipfront.stack.settings import PeerRule, Settings


def about(rules: tuple[PeerRule, ...], host: str, message: Message) -> Iterator[PeerRule]:
    """The rules about the peer at ``host`` that sent ``message``, in their order."""
    if not rules:
        return  # nearly always, and every call that rings passes here
    source = ip_address(host)
    for rule in rules:
        if rule.networks and not any(source in network for network in rule.networks):
            continue
        if rule.agent is not None:
            agent = message.value(USER_AGENT)
            if agent is None or rule.agent.match(agent) is None:
                continue
        yield rule


def two_early_dialogs(settings: Settings, trunk: str, host: str, request: Message) -> bool:
    """Whether the caller can take a second To-tag while it rings (RFC 3261 13.2.2.4, 12.1).

    Every user agent must; some carriers' gateways do not.
    """
    if trunk:
        for known in settings.trunks:
            if known.name == trunk and not known.two_early_dialogs:
                return False
    for rule in about(settings.peers, host, request):
        if rule.two_early_dialogs is not None:
            return rule.two_early_dialogs
    return True
