"""Branches that are no longer wanted: CANCEL, and the end of what was answered all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import REASON
from sipfront.stack import local
from sipfront.stack.layer import cancellation
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import PROCEEDING, ClientTx, ServerTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared


class Parting:
    """Leaves branches (RFC 3261 9, 16.10, 13.2.2.4)."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy

    def abandon(self, client: ClientTx, now: float, reason: bytes = b"") -> None:
        """Nothing that this branch answers is passed any more; it is cancelled when that works."""
        client.abandoned = True
        if client.node >= 0:
            link = self._shared.pair.links[client.node]
            link.over(client.branch)
            if client.server is not None and client.server.request is not None:
                link.hedged.discard(client.server.request.call_id)
                plan = client.server.plan
                if plan is not None and plan.correlation:
                    link.leave(plan.correlation)
        if client.status < 100:
            client.resend_at = 0.0  # whoever has it knows it; nobody else shall hear of it now
        if not client.invite:
            return
        client.cancelling = True
        client.reason = client.reason or reason
        if client.status >= 100 and client.state <= PROCEEDING:
            self.send_cancel(client, reason, now)

    def send_cancel(self, client: ClientTx, reason: bytes, now: float) -> None:
        """CANCEL, only after a provisional (RFC 3261 9.1)."""
        if client.cancel:
            return
        client.cancel = True
        data = cancellation(client.sent, reason or client.reason)
        cancel = ClientTx(client.branch + b"C", data, client.flow, client.node, False, None, now)
        self._proxy.layer.open_client(cancel, now)
        # RFC 3261 9.1: without a final answer within 64*T1 the branch is over.
        self._proxy.layer.timers.start(client, UNTIL, 64 * self._shared.settings.timing.t1, now)

    def loser(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer on an abandoned branch: CANCEL what rings, end what was answered."""
        if not client.invite:
            return
        if message.status < 200:
            if not client.cancel and client.state == PROCEEDING:
                self.send_cancel(client, b"", now)
        elif message.status < 300:
            self.acknowledge(client, message)
            if not client.final:
                self._shared.count("late 200 ended")
                self.hang_up(client, message, now)
        if message.status >= 200:
            client.final = True
            self._proxy.leaving.left(client, now)

    def acknowledge(self, client: ClientTx, answer: Message) -> None:
        """ACK a 2xx ourselves (RFC 3261 13.2.2.4), each time that it comes."""
        via = b"%b;branch=z9hG4bK%b;rport" % (client.flow.listener.via, self._shared.fresh())
        data = local.in_dialog(client.sent, answer, b"ACK", via)
        self._proxy.layer.outbox.append((client.flow, data))

    def hang_up(self, client: ClientTx, answer: Message, now: float) -> ClientTx:
        """BYE to whoever answered a call that went on elsewhere."""
        branch = b"z9hG4bK" + self._shared.fresh()
        via = b"%b;branch=%b;rport" % (client.flow.listener.via, branch)
        reason = b'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
        data = local.in_dialog(client.sent, answer, b"BYE", via, reason)
        bye = ClientTx(branch, data, client.flow, client.node, False, None, now)
        self._proxy.layer.open_client(bye, now)
        return bye

    def cancel(self, server: ServerTx, message: Message, now: float) -> None:
        """The caller gives up (RFC 3261 16.10)."""
        if server.request is None or server.cancelled or server.state != PROCEEDING:
            return
        server.cancelled = True
        reason = message.lines(REASON)
        silent = server.parked
        self._proxy.failover.unpark(server)
        for branch in server.branches:
            if branch.abandoned or branch.final:
                continue
            branch.cancelling = True
            branch.reason = reason
            if branch.status >= 100:
                self.send_cancel(branch, reason, now)
            if branch.node >= 0 and self._shared.pair.doubtful(branch.node):
                silent = True
        if silent or not server.branches:
            for branch in server.branches:
                if not branch.abandoned:
                    self.abandon(branch, now, reason)
            self._proxy.refuse(server, 487, now)
