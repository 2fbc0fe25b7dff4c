"""An engine in memory between two sides that answer, for measuring what a message costs.

No socket, no clock: time is moved by hand, and what comes out of the engine goes to the side that
it is for, which answers by pasting octets, so that nearly all of the time is the engine's.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

from sipfront.stack.flows import Flow, Flows, Listener, Transport
from sipfront.stack.front import Engine
from sipfront.stack.route import NodeState, Route, Standing
from sipfront.stack.settings import Limits, Node, Registering, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

FRONT, INSIDE = "192.0.2.10", "10.0.0.10"
NODES = ("10.0.0.11", "10.0.0.12")
PHONE = "198.51.100.7"

SDP = b"".join(
    line + b"\r\n"
    for line in (
        b"v=0",
        b"o=- 3726 1 IN IP4 198.51.100.7",
        b"s=-",
        b"c=IN IP4 198.51.100.7",
        b"t=0 0",
        b"m=audio 40000 RTP/AVP 9 8 0 101",
        b"a=rtpmap:9 G722/8000",
        b"a=rtpmap:8 PCMA/8000",
        b"a=rtpmap:0 PCMU/8000",
        b"a=rtpmap:101 telephone-event/8000",
        b"a=fmtp:101 0-15",
        b"a=ptime:20",
        b"a=sendrecv",
    )
)


def entropy() -> Callable[[int], bytes]:
    """Fresh octets that are the same in every run."""
    counter = itertools.count()

    def fresh(size: int) -> bytes:
        return hashlib.shake_128(b"%d" % next(counter)).digest(size)

    return fresh


class World:
    """One engine, two nodes that are up, and as many phones as are asked for."""

    def __init__(self, limit: int = 1_000_000) -> None:
        """``limit``: dialogs, bindings and transactions at most."""
        outside = Listener(
            0, Transport.UDP, FRONT.encode(), 5060, inside=False, bound=(FRONT, 5060)
        )
        inside = Listener(
            1, Transport.UDP, INSIDE.encode(), 5062, inside=True, bound=(INSIDE, 5062)
        )
        self.outside = outside
        self.flows = Flows([outside, inside])
        nodes = tuple(
            Node(f"pbx-{n}", host.encode(), 5060, 0, (host.encode(),))
            for n, host in enumerate(NODES)
        )
        settings = Settings(
            nodes=nodes,
            domains=(b"example.com",),
            limits=Limits(transactions=limit, dialogs=limit, bindings=limit),
            registering=Registering(rate=1e9),  # a table is filled at once
            token_keys=(b"k" * 32,),
            binding_key=b"b" * 32,
            wall_offset=1_700_000_000.0,
        )
        self.engine = Engine(settings, self.flows, entropy())
        self.nodes = [self.flows.udp(inside, host, 5060, index) for index, host in enumerate(NODES)]
        for index, flow in enumerate(self.nodes):
            self.engine.node_flows(index, (flow,))
        self.now = 1000.0
        standings = (Standing.ACTIVE, Standing.STANDBY)
        states = (NodeState.UP, NodeState.UP)
        self.engine.route_changed(Route(1, 0, standings, states, (True, True)), self.now)

    def phone(self, number: int) -> Flow:
        """The phone with that number; 200 phones behind each address."""
        host = f"198.{18 + (number // 200) // 65536}.{number // 200 // 256 % 256}."
        return self.flows.udp(self.outside, host + str(number // 200 % 256), 20_000 + number % 200)

    def hear(self, data: bytes, flow: Flow) -> list[tuple[Flow, bytes]]:
        """One datagram comes in; what goes out.  The order of the shell: receive, take, notices."""
        engine = self.engine
        engine.receive(data, flow, self.now)
        sent = engine.take()
        engine.notices()
        return sent

    def wait(self, seconds: float) -> list[tuple[Flow, bytes]]:
        """Let time pass, with the timers that fall into it."""
        end = self.now + seconds
        engine = self.engine
        sent: list[tuple[Flow, bytes]] = []
        while (deadline := engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            engine.expire(self.now)
            sent += engine.take()
            engine.notices()
        self.now = end
        return sent

    # ---- a call --------------------------------------------------------------------------------

    def set_up(self, number: int, flow: Flow) -> Call:
        """INVITE, 180, 200, ACK; the call is up."""
        call = Call(number, flow)
        ((_, invite),) = self.hear(call.invite(), flow)
        head = echoed(invite)
        self.hear(b"SIP/2.0 180 Ringing\r\n" + head + call.ringing, self.nodes[0])
        ((_, answer),) = self.hear(b"SIP/2.0 200 OK\r\n" + head + call.answered, self.nodes[0])
        at = answer.index(b"\r\nContact: <") + 12
        call.target = answer[at : answer.index(b">", at)]
        self.hear(call.request(b"ACK", 1), flow)
        return call

    def hang_up(self, call: Call) -> None:
        """BYE and 200."""
        ((_, bye),) = self.hear(call.request(b"BYE", 2), call.flow)
        self.hear(b"SIP/2.0 200 OK\r\n" + echoed(bye) + b"Content-Length: 0\r\n\r\n", self.nodes[0])

    def register(self, number: int, flow: Flow, cseq: int = 1) -> None:
        """REGISTER and 200."""
        sent = self.hear(register(number, flow, cseq), flow)
        for _, data in sent:
            if data.startswith(b"REGISTER"):
                at = data.index(b"\r\nContact: ") + 11
                contact = data[at : data.index(b"\r\n", at)].partition(b";expires=")[0]
                tail = b"Contact: %b;expires=3600\r\nContent-Length: 0\r\n\r\n" % contact
                self.hear(b"SIP/2.0 200 OK\r\n" + echoed(data) + tail, self.nodes[0])


class Call:
    """What a caller says in one call."""

    __slots__ = ("flow", "number", "target")

    def __init__(self, number: int, flow: Flow) -> None:
        self.number = number
        self.flow = flow
        self.target = b""

    def invite(self) -> bytes:
        """The INVITE of a telephone: 14 headers and an offer."""
        n, host, port = self.number, self.flow.host.encode(), self.flow.port
        head = (
            b"INVITE sip:600@example.com SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP %b:%d;branch=z9hG4bKi%x;rport\r\n"
            b"Max-Forwards: 70\r\n"
            b'From: "Ext 1001" <sip:1001@example.com>;tag=f%x\r\n'
            b"To: <sip:600@example.com>\r\n"
            b"Call-ID: c%x@%b\r\n"
            b"CSeq: 1 INVITE\r\n"
            b"Contact: <sip:1001@%b:%d;ob>\r\n"
            b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO, NOTIFY, REFER\r\n"
            b"Supported: replaces, 100rel, timer, norefersub\r\n"
            b"Session-Expires: 1800\r\n"
            b"Min-SE: 90\r\n"
            b"User-Agent: Telephone/1.0\r\n"
            b"Content-Type: application/sdp\r\n"
            b"Content-Length: %d\r\n\r\n"
        ) % (host, port, n, n, n, host, host, port, len(SDP))
        return head + SDP

    @property
    def ringing(self) -> bytes:
        """The end of a 180."""
        return b"Contact: <sip:600@10.0.0.11:5060>\r\nContent-Length: 0\r\n\r\n"

    @property
    def answered(self) -> bytes:
        """The end of a 200."""
        return (
            b"Contact: <sip:600@10.0.0.11:5060>\r\n"
            b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO, NOTIFY, REFER\r\n"
            b"Supported: replaces, 100rel, timer\r\n"
            b"Server: PBX 22\r\n"
            b"Content-Type: application/sdp\r\n"
            b"Content-Length: %d\r\n\r\n%b"
        ) % (len(SDP), SDP)

    def request(self, method: bytes, cseq: int) -> bytes:
        """A request inside the call."""
        n, host, port = self.number, self.flow.host.encode(), self.flow.port
        return (
            b"%b %b SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP %b:%d;branch=z9hG4bK%b%x;rport\r\n"
            b"Max-Forwards: 70\r\n"
            b'From: "Ext 1001" <sip:1001@example.com>;tag=f%x\r\n'
            b"To: <sip:600@example.com>;tag=n\r\n"
            b"Call-ID: c%x@%b\r\n"
            b"CSeq: %d %b\r\n"
            b"User-Agent: Telephone/1.0\r\n"
            b"Content-Length: 0\r\n\r\n"
        ) % (method, self.target, host, port, method, n, n, n, host, cseq, method)


def register(number: int, flow: Flow, cseq: int) -> bytes:
    """A REGISTER of a telephone."""
    host, port = flow.host.encode(), flow.port
    return (
        b"REGISTER sip:example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP %b:%d;branch=z9hG4bKr%x.%d;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"From: <sip:u%d@example.com>;tag=r%x\r\n"
        b"To: <sip:u%d@example.com>\r\n"
        b"Call-ID: r%x@%b\r\n"
        b"CSeq: %d REGISTER\r\n"
        b"Contact: <sip:u%d@%b:%d;ob>\r\n"
        b"Expires: 3600\r\n"
        b"User-Agent: Telephone/1.0\r\n"
        b"Content-Length: 0\r\n\r\n"
    ) % (host, port, number, cseq, number, number, number, number, host, cseq, number, host, port)


def echoed(request: bytes) -> bytes:
    """The lines of a request that stand in every answer to it; a To without a tag gets one."""
    kept = []
    for line in request[: request.index(b"\r\n\r\n")].split(b"\r\n")[1:]:
        name = line[: line.index(b":")]
        if name in (b"Via", b"From", b"Call-ID", b"CSeq"):
            kept.append(line)
        elif name == b"To":
            kept.append(line if b";tag=" in line else line + b";tag=n")
    return b"\r\n".join(kept) + b"\r\n"
