"""Phones and a registrar for stories about registrations: what a REGISTER says, and a node that
grants it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from itertools import count

from sipfront.sip import address
from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.settings import Node, Registering, Settings, Trunk
from tests.stack.world import CARRIER, NODE_A, NODE_B, Sent, World, answer, request

_branches = count(1)


def settings(**registering: object) -> Settings:
    """The world's settings with these registrations."""
    return Settings(
        nodes=(
            Node("pbx-a", NODE_A.encode(), 5060, 0, (NODE_A.encode(),)),
            Node("pbx-b", NODE_B.encode(), 5060, 0, (NODE_B.encode(),)),
        ),
        domains=(b"example.com",),
        trunks=(Trunk("carrier", CARRIER.encode(), 5060, 0, (ip_network("203.0.113.0/28"),)),),
        local_networks=(ip_network("10.1.0.0/16"),),
        token_keys=(b"k" * 32,),
        binding_key=b"b" * 32,
        wall_offset=1_700_000_000.0,
        registering=replace(
            Registering(phone_expiry=60, lan_expiry=300, node_expiry=3600),
            **registering,  # type: ignore[arg-type]
        ),
    )


def world(**registering: object) -> World:
    """A front that tells phones 60 s."""
    return World(settings=settings(**registering))


@dataclass
class Phone:
    """One telephone: it remembers its Call-ID and counts its CSeq."""

    world: World
    user: str = "1001"
    flow: Flow | None = None
    contact: str = ""
    params: str = ""
    call_id: str = "phone"
    cseq: int = 0
    extra: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.flow = self.flow or self.world.phone()
        self.contact = self.contact or f"sip:{self.user}@192.168.1.5:5060"

    def ask(
        self, expires: int | None = 3600, *, contact: str | None = None, extra: str = ""
    ) -> list[Sent]:
        """It sends a REGISTER; what goes out because of it."""
        self.cseq += 1
        value = f"<{self.contact}>{self.params}" if contact is None else contact
        lines = [f"Contact: {value}"] if value else []
        if expires is not None:
            lines.append(f"Expires: {expires}")
        assert self.flow is not None
        return self.world.hear(
            self.flow,
            request(
                "REGISTER",
                "sip:example.com",
                via=f"{self.flow.host}:{self.flow.port}",
                branch=f"p{next(_branches)}",
                sender=f"<sip:{self.user}@example.com>;tag=f",
                to=f"<sip:{self.user}@example.com>",
                call_id=self.call_id,
                cseq=self.cseq,
                contact="",
                extra="\n".join([*lines, *self.extra, extra]),
            ),
        )

    def register(self, expires: int | None = 3600, **more: str) -> Sent:
        """It registers, and its node grants what it is asked for; the answer it gets."""
        (sent,) = self.ask(expires, **more)
        (back,) = self.world.hear(sent.flow, granted(sent))
        return back


def contacts(sent: Sent) -> list[str]:
    """The Contacts of a message."""
    return [value.decode() for value in sent.message.values(h.CONTACT)]


def granted(sent: Sent, *also: str, expires: int = 0, extra: str = "") -> str:
    """A node's 200: what it was asked for (or ``expires``), and ``also`` other Contacts."""
    listed = []
    for value in contacts(sent):
        for start, end in address.split(value.encode()):
            contact = address.parse(value.encode()[start:end])
            seconds = int(contact.param(b"expires") or 3600)
            if seconds:
                shown = f"<{contact.uri.decode()}>;expires={expires or seconds}"
                listed.append(f"Contact: {shown}")
    listed += [f"Contact: {value}" for value in also]
    return answer(sent, 200, tag="n", extra="\n".join([*listed, extra]))


def asked(sent: Sent) -> int:
    """The expiry that a node is asked for."""
    found = re.search(r"expires=(\d+)", contacts(sent)[0])
    assert found is not None
    return int(found[1])


def told(sent: Sent) -> int:
    """The expiry that a phone is told."""
    assert sent.message.status == 200, sent.text
    return asked(sent)


def reachable(one: World, phone: Phone) -> bool:
    """Whether a call of the active node to its address reaches the phone."""
    sent = one.hear(
        one.nodes[0],
        request(
            "INVITE",
            f"sip:{phone.user}@10.0.0.10:5062",
            via=f"{NODE_A}:5060",
            branch=f"call{one.now}{phone.user}",
            sender=f"<sip:1999@{NODE_A}>;tag=n",
            contact=f"<sip:1999@{NODE_A}>",
            call_id=f"call{one.now}",
        ),
    )
    return any(s.message.method == b"INVITE" and s.flow is phone.flow for s in sent)


def passed(sent: list[Sent]) -> bool:
    """Whether a REGISTER went on to a node."""
    return len(sent) == 1 and sent[0].message.method == b"REGISTER"
