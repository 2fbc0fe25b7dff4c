"""A small world around one engine: no sockets, a clock that is moved by hand.

Stories are told with it: who sends what, what comes out where.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network

from sipfront.sip.message import Message, scan
from sipfront.stack.flows import Flow, Flows, Listener, Transport
from sipfront.stack.front import Engine
from sipfront.stack.notices import Notice
from sipfront.stack.route import NodeState, Route, Standing
from sipfront.stack.settings import Node, Settings, Trunk

FRONT = "192.0.2.10"
INSIDE = "10.0.0.10"
NODE_A = "10.0.0.11"
NODE_B = "10.0.0.12"
CARRIER = "203.0.113.5"


def make_entropy() -> Callable[[int], bytes]:
    """Fresh octets that are the same in every run."""
    counter = itertools.count()

    def entropy(size: int) -> bytes:
        out = b""
        while len(out) < size:
            out += hashlib.sha256(b"%d" % next(counter)).digest()
        return out[:size]

    return entropy


@dataclass
class Sent:
    """One message that came out of the engine."""

    flow: Flow
    message: Message

    @property
    def to(self) -> str:
        """The remote address."""
        return self.flow.host

    @property
    def text(self) -> str:
        """The whole message."""
        return self.message.data.decode()


@dataclass
class World:
    """An engine with two nodes, a trunk, and listeners for every transport."""

    now: float = 1000.0
    settings: Settings | None = None
    log: list[Notice] = field(default_factory=list)
    entropy: Callable[[int], bytes] | None = None

    def __post_init__(self) -> None:
        self.udp = Listener(
            0, Transport.UDP, FRONT.encode(), 5060, inside=False, bound=(FRONT, 5060)
        )
        self.tcp = Listener(
            1, Transport.TCP, FRONT.encode(), 5060, inside=False, bound=(FRONT, 5060)
        )
        self.tls = Listener(
            2, Transport.TLS, b"sip.example.com", 5061, inside=False, bound=(FRONT, 5061)
        )
        self.inside = Listener(
            3, Transport.UDP, INSIDE.encode(), 5062, inside=True, bound=(INSIDE, 5062)
        )
        self.ws = Listener(4, Transport.WS, FRONT.encode(), 80, inside=False, bound=(FRONT, 80))
        self.flows = Flows([self.udp, self.tcp, self.tls, self.inside, self.ws])
        self.settings = self.settings or Settings(
            nodes=(
                Node("pbx-a", NODE_A.encode(), 5060, 0, (NODE_A.encode(),)),
                Node("pbx-b", NODE_B.encode(), 5060, 0, (NODE_B.encode(),)),
            ),
            domains=(b"example.com", b"example.net", b"example.org"),
            trunks=(Trunk("carrier", CARRIER.encode(), 5060, 0, (ip_network("203.0.113.0/28"),)),),
            token_keys=(b"k" * 32,),
            binding_key=b"b" * 32,
            wall_offset=1_700_000_000.0,
        )
        self.engine = Engine(self.settings, self.flows, self.entropy or make_entropy())
        self.nodes = [
            self.flows.udp(self.inside, host, 5060, index)
            for index, host in enumerate((NODE_A, NODE_B))
        ]
        for index, flow in enumerate(self.nodes):
            self.engine.node_flows(index, (flow,))
        self.carrier = self.flows.udp(self.udp, CARRIER, 5060)
        self.engine.trunk_resolved("carrier", (self.carrier,), self.now)
        self.epoch = 0
        self.route(0)

    def route(
        self,
        active: int | None,
        states: tuple[NodeState, ...] = (NodeState.UP, NodeState.UP),
        standings: tuple[Standing, ...] | None = None,
        ready: tuple[bool, ...] | None = None,
    ) -> None:
        """Control decides."""
        self.epoch += 1
        if standings is None:
            standings = tuple(
                Standing.ACTIVE if index == active else Standing.STANDBY for index in range(2)
            )
        if ready is None:
            ready = tuple(state == NodeState.UP for state in states)
        route = Route(self.epoch, active, standings, states, ready)
        self.engine.route_changed(route, self.now)

    def phone(self, host: str = "198.51.100.7", port: int = 5060) -> Flow:
        """A UDP phone."""
        return self.flows.udp(self.udp, host, port)

    def hear(self, flow: Flow, text: str | bytes) -> list[Sent]:
        """A message comes in; what goes out because of it."""
        data = text if isinstance(text, bytes) else octets(text)
        self.engine.receive(data, flow, self.now)
        return self.out()

    def out(self) -> list[Sent]:
        """What waits to be sent."""
        self.log += self.engine.notices()
        return [Sent(flow, scan(data)) for flow, data in self.engine.take()]

    def wait(self, seconds: float) -> list[Sent]:
        """Let time pass, firing each deadline at its time."""
        end = self.now + seconds
        sent: list[Sent] = []
        while True:
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.engine.expire(self.now)
            sent += self.out()
        self.now = end
        return sent


def octets(text: str) -> bytes:
    """A message written with plain line ends; Content-Length is filled in."""
    head, _, body = text.strip("\n").partition("\n\n")
    lines = [line.strip() for line in head.splitlines()]
    content = body.replace("\n", "\r\n").encode()
    if not any(line.lower().startswith(("content-length", "l:")) for line in lines):
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def request(
    method: str,
    uri: str,
    *,
    via: str = "198.51.100.7:5060",
    branch: str = "b1",
    sender: str = "<sip:1001@example.com>;tag=a",
    to: str = "",
    call_id: str = "c1",
    cseq: int = 1,
    contact: str = "<sip:1001@198.51.100.7:5060>",
    extra: str = "",
    body: str = "",
) -> str:
    """A plain request."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bK{branch};rport",
        "Max-Forwards: 70",
        f"From: {sender}",
        f"To: {to or f'<{uri}>'}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {'INVITE' if method == 'ACK' else method}"
        if method != "ACK"
        else f"CSeq: {cseq} ACK",
    ]
    if contact:
        lines.append(f"Contact: {contact}")
    if extra:
        lines += extra.strip().splitlines()
    return "\n".join(lines) + "\n\n" + body


def answer(
    sent: Message | Sent,
    status: int,
    *,
    tag: str = "",
    contact: str = "",
    extra: str = "",
    body: str = "",
) -> str:
    """An answer to a request that came out of the engine."""
    message = sent.message if isinstance(sent, Sent) else sent
    lines = [f"SIP/2.0 {status} Whatever"]
    for line in message.data.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name = line.partition(":")[0].lower()
        if name.strip() in ("via", "v", "from", "f", "call-id", "i", "cseq", "record-route"):
            lines.append(line)
        elif name.strip() in ("to", "t"):
            lines.append(line + (f";tag={tag}" if tag and ";tag=" not in line else ""))
    if contact:
        lines.append(f"Contact: {contact}")
    if extra:
        lines += extra.strip().splitlines()
    return "\n".join(lines) + "\n\n" + body
