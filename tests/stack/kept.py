"""A call of two phones whose media is their own, and whose node dies: what many stories begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sipfront.rescue.calls import Fate, given_up
from sipfront.sip import headers as h
from sipfront.sip.message import Message
from sipfront.stack.dialog import Leg
from sipfront.stack.flows import Flow
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_front import register
from tests.stack.world import INSIDE, NODE_A, Sent, World, answer, request

DOWN = (NodeState.DOWN, NodeState.UP)
FENCED = (Standing.FENCED, Standing.ACTIVE)
SDP = "Content-Type: application/sdp\n"


def sdp(host: str, port: int, origin: str = "", version: int = 1, more: str = "") -> str:
    origin = origin or f"- 77 {version} IN IP4 {host}"
    return (
        f"v=0\no={origin}\ns=-\nc=IN IP{6 if ':' in host else 4} {host}\nt=0 0\n"
        f"m=audio {port} RTP/AVP 0{more}"
    )


@dataclass
class Party:
    """One phone in the call."""

    world: World
    flow: Flow
    name: str  # its From or To value, with the tag
    peer: str  # the node's
    call_id: str
    target: str  # the Contact by which it knows the node
    contact: str
    cseq: int = 50
    branches: int = 0

    def asks(self, method: str, body: str = "", extra: str = "", cseq: int = 0) -> list[Sent]:
        """A request of this phone in its dialog."""
        if not cseq:
            self.cseq += 1
            cseq = self.cseq
        self.branches += 1
        host = f"[{self.flow.host}]" if ":" in self.flow.host else self.flow.host
        text = request(
            method,
            self.target,
            via=f"{host}:5060",
            branch=f"{self.call_id}-{method}-{self.branches}",
            sender=self.name,
            to=self.peer,
            call_id=self.call_id,
            cseq=cseq,
            contact=self.contact,
            extra=(SDP if body else "") + extra or "Subject: x",
            body=body,
        )
        return self.world.hear(self.flow, text)

    def says(self, sent: Sent, status: int, body: str = "", extra: str = "") -> list[Sent]:
        """Its answer."""
        text = answer(
            sent, status, contact=self.contact, extra=(SDP if body else "") + extra, body=body
        )
        return self.world.hear(self.flow, text)


@dataclass
class KeptCall:
    """Both parties, before or after the node's death."""

    world: World
    a: Party
    b: Party

    @property
    def legs(self) -> tuple[Leg, Leg]:
        """The two, the caller's first."""
        found = {leg.call_id.decode(): leg for leg in self.world.engine.shared.legs}
        return found[self.a.call_id], found[self.b.call_id]

    def wait(self, seconds: float) -> list[Sent]:
        """What comes in that time, each message once."""
        return list({sent.message.data: sent for sent in self.world.wait(seconds)}.values())

    def die(self) -> list[Sent]:
        """The node is given up, and rescue does what it decides."""
        self.world.route(1, DOWN, FENCED)
        sent = self.world.out()
        care = self.world.engine.care
        for verdict in given_up(
            0, care.live(), care.just_ended(self.world.now), (NODE_A.encode(),)
        ):
            if verdict is None:
                continue
            if verdict.fate is Fate.KEEP:
                assert verdict.other is not None
                care.keep(verdict.leg, verdict.other, self.world.now)
            else:
                care.end(verdict.leg, self.world.now, verdict.reason)
        return sent + self.world.out()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def target_of(message: Message) -> str:
    return (message.value(h.CONTACT) or b"").decode().partition("<")[2].partition(">")[0]


def up(
    world: World | None = None,
    *,
    b_says: str = "Allow: INVITE, UPDATE, BYE\nSupported: timer",
    expires_a: str = "",
    expires_b: str = "",
    direct: bool = True,
    a_flow: Flow | None = None,
    b_flow: Flow | None = None,
    hosts: tuple[str, str] = ("198.51.100.7", "198.51.100.9"),
    routes: str = "",
) -> KeptCall:
    """A calls B by node A; then the node takes itself out of the media (``direct``)."""
    world = world or World()
    a_flow = a_flow or world.phone(hosts[0])
    b_flow = b_flow or world.phone(hosts[1])
    a_at, b_at = f"<sip:1001@{_shown(hosts[0])}:5060>", f"<sip:1002@{_shown(hosts[1])}:5060>"
    register(world, b_flow, b_at.strip("<>"), user="1002")
    a_sdp, b_sdp = sdp(hosts[0], 4000), sdp(hosts[1], 5000)
    (invite,) = world.hear(
        a_flow,
        request(
            "INVITE",
            "sip:1002@example.com",
            via=f"{_shown(hosts[0])}:5060",
            branch="a-invite",
            call_id="call-a",
            contact=a_at,
            extra=SDP + "Allow: INVITE, UPDATE\nSupported: timer, replaces\n" + routes,
            body=a_sdp,
        ),
    )
    call = (invite.message.named(b"x-sipfront-call") or [b""])[0].decode()
    (to_b,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            branch="n-invite",
            call_id="call-b",
            sender=f"<sip:1001@{NODE_A}>;tag=nb",
            contact=f"<sip:1001@{NODE_A}:5060>",
            extra=SDP + f"X-Sipfront-Call: {call}",
            body=sdp(NODE_A, 10000),
        ),
    )
    (ok_b,) = world.hear(
        b_flow,
        answer(to_b, 200, tag="b", contact=b_at, extra=f"{SDP}{b_says}\n{expires_b}", body=b_sdp),
    )
    b_target = target_of(ok_b.message)
    in_b: dict[str, Any] = {
        "call_id": "call-b",
        "via": f"{NODE_A}:5060",
        "contact": f"<sip:1001@{NODE_A}:5060>",
    }
    in_b |= {"sender": f"<sip:1001@{NODE_A}>;tag=nb", "to": f"<sip:1002@{INSIDE}:5062>;tag=b"}
    world.hear(world.nodes[0], request("ACK", b_target, branch="n-ack", **in_b))
    node = f"<sip:1002@{NODE_A}:5060>"
    (ok_a,) = world.hear(
        invite.flow,
        answer(
            invite, 200, tag="na", contact=node, extra=f"{SDP}{expires_a}", body=sdp(NODE_A, 10002)
        ),
    )
    a_target = target_of(ok_a.message)
    for_a: dict[str, Any] = {
        "call_id": "call-a",
        "contact": a_at,
        "via": f"{_shown(hosts[0])}:5060",
    }
    to_a = "<sip:1002@example.com>;tag=na"
    world.hear(a_flow, request("ACK", a_target, branch="a-ack", to=to_a, **for_a))
    a = Party(world, a_flow, "<sip:1001@example.com>;tag=a", to_a, "call-a", a_target, a_at)
    shown = "<sip:1001@example.com>;tag=nb"
    b = Party(world, b_flow, f"<sip:1002@{INSIDE}:5062>;tag=b", shown, "call-b",
              target_of(to_b.message), b_at, cseq=10)  # fmt: skip
    b.name = (to_b.message.value(h.TO) or b"").decode() + ";tag=b"
    if direct:
        reinvite(world, invite, a, b_sdp, a_sdp, sender=f"<sip:1002@{NODE_A}>;tag=na", cseq=102,
                 expires=expires_a)  # fmt: skip
        reinvite(world, invite, b, a_sdp, b_sdp, sender=f"<sip:1001@{NODE_A}>;tag=nb", cseq=2,
                 to=in_b["to"], target=b_target, expires=expires_b)  # fmt: skip
    return KeptCall(world, a, b)


def reinvite(
    world: World,
    invite: Sent,
    party: Party,
    other: str,
    own: str,
    *,
    sender: str,
    cseq: int,
    to: str = "",
    target: str = "",
    expires: str = "",
) -> None:
    """The node tells a phone where the other is (its own ``o=`` stays)."""
    target = target or target_of(invite.message)
    told = other.replace(other.splitlines()[1], f"o=- 900 2 IN IP4 {NODE_A}")
    common: dict[str, Any] = {"call_id": party.call_id, "via": f"{NODE_A}:5060", "sender": sender}
    common |= {"to": to or party.name, "contact": f"<sip:x@{NODE_A}:5060>"}
    (sent,) = world.hear(
        world.nodes[0],
        request(
            "INVITE", target, branch=f"d-{party.call_id}", cseq=cseq, extra=SDP, body=told, **common
        ),
    )
    party.target = target_of(sent.message)
    (ok,) = party.says(sent, 200, own, expires)
    assert ok.message.status == 200
    (ack,) = world.hear(
        world.nodes[0],
        request("ACK", target, branch=f"k-{party.call_id}", cseq=cseq, **common),
    )
    assert ack.message.method == b"ACK"


def kept(**more: object) -> KeptCall:
    """A call whose node has just died, and nobody noticed."""
    call = up(**more)  # type: ignore[arg-type]
    sent = call.die()
    assert [item.message.method for item in sent] == []
    assert call.world.engine.counters["calls kept"] == 1
    a, b = call.legs
    assert (a.joined, b.joined) == (b, a)
    assert call.world.engine.shared.legs.owned == [0, 0]
    return call
