"""Whatever happens to its nodes: a caller that takes one early dialog sees one that is in order.

A call with any sequence of answers, deaths and returns of the nodes, PRACKs, INFOs of both sides,
and an answer at some time.  Each side's view must be one that RFC 3261 and 3262 allow.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_tagmap import BODY, from_carrier, offer, one_dialog, sdp
from tests.stack.world import CARRIER, NODE_A, NODE_B, Sent, answer, request

HOSTS = (NODE_A, NODE_B)
STEPS = st.lists(
    st.sampled_from(["ring", "ring reliably", "media", "die", "prack", "info", "node info"]),
    min_size=8,
    max_size=25,
)


class Story:
    """One call, its carrier, and the node that has it now."""

    def __init__(self) -> None:
        self.world = one_dialog()
        self.node = 0
        self.generation = 0
        self.rseqs = [100]  #: the last of each node that had the call
        self.sent_rseqs: set[int] = set()
        self.tag = ""
        self.heard: list[Sent] = []  #: answers to the INVITE, outside
        self.next_rseq = 0  #: RFC 3262 section 4: what the carrier would acknowledge next
        self.unacknowledged: list[int] = []
        self.cseq = 1
        self.seen_cseq = 0  #: of requests to the carrier
        self.node_cseq = 50  #: of the node that has the call now
        self.branches = 0
        (self.invite,) = self.world.hear(self.world.carrier, offer(sdp(CARRIER)))

    def rings(self, status: int, reliable: bool, media: bool) -> None:
        """The node that has the call answers."""
        self.tag = f"t{self.generation}"
        extra = []
        if reliable:
            self.rseqs[-1] += 1
            self.sent_rseqs.add(self.rseqs[-1])
            extra = ["Require: 100rel", f"RSeq: {self.rseqs[-1]}"]
        if media:
            extra.append(BODY)
        host = HOSTS[self.node]
        text = answer(
            self.invite,
            status,
            tag=self.tag,
            contact=f"<sip:x@{host}>",
            extra="\n".join(extra),
            body=sdp(host, session=self.generation + 1) if media else "",
        )
        (out,) = self.world.hear(self.invite.flow, text)
        self.heard.append(out)
        assert out.flow is self.world.carrier
        assert out.message.to_tag == self.heard[0].message.to_tag, "one To-tag for ever"
        number = out.message.value(h.RSEQ)
        assert (number is None) == (not reliable)
        if number is not None:
            assert self.next_rseq in (0, int(number)), "it would not be acknowledged"
            self.next_rseq = int(number) + 1
            self.unacknowledged.append(int(number))

    def dies(self) -> None:
        """The node dies, the other one takes the call, the first is back as a standby."""
        self.node = 1 - self.node
        self.generation += 1
        self.rseqs.append(1000 * self.generation)
        self.sent_rseqs = set()
        self.tag = ""
        self.node_cseq = 0
        states = [NodeState.UP, NodeState.UP]
        states[1 - self.node] = NodeState.DOWN
        standings = [Standing.FENCED, Standing.FENCED]
        standings[self.node] = Standing.ACTIVE
        self.world.route(self.node, tuple(states), tuple(standings))
        invites = [item for item in self.world.out() if item.message.method == b"INVITE"]
        (self.invite,) = [item for item in invites if item.to == HOSTS[self.node]]
        self.world.route(self.node, (NodeState.UP, NodeState.UP), tuple(standings))
        self.world.out()

    def says(self, method: str, extra: str = "") -> None:
        """The carrier sends a request in the dialog that it knows."""
        self.cseq += 1
        self.branches += 1
        text = from_carrier(method, self.heard[-1], f"c{self.branches}", self.cseq, extra)
        for item in self.world.hear(self.world.carrier, text):
            if item.flow is self.world.carrier:
                assert item.message.status == 200
                continue
            assert item.to == HOSTS[self.node]
            assert item.message.to_tag.decode() == self.tag, "the node's own tag"
            if method == "PRACK":
                rack = (item.message.value(h.RACK) or b"").split()
                assert int(rack[0]) in self.sent_rseqs, "a RAck of its own RSeq"
                assert rack[1:] == [b"1", b"INVITE"]
            (done,) = self.world.hear(item.flow, answer(item, 200))
            assert done.message.to_tag == self.heard[0].message.to_tag
            assert done.message.cseq == self.cseq

    def node_says(self, method: str) -> None:
        """The node sends one."""
        self.node_cseq += 1
        self.branches += 1
        contact = (self.invite.message.value(h.CONTACT) or b"").decode().strip("<>")
        text = request(
            method,
            contact,
            via=f"{HOSTS[self.node]}:5060",
            branch=f"n{self.branches}",
            contact=f"<sip:x@{HOSTS[self.node]}>",
            sender=f"<sip:1001@example.com>;tag={self.tag}",
            to="<sip:49@example.org>;tag=c",
            cseq=self.node_cseq,
        )
        (out,) = self.world.hear(self.world.nodes[self.node], text)
        assert out.flow is self.world.carrier
        assert out.message.from_tag == self.heard[0].message.to_tag
        assert out.message.cseq > self.seen_cseq, "CSeq never goes back (RFC 3261 12.2.2)"
        self.seen_cseq = out.message.cseq
        (done,) = self.world.hear(self.world.carrier, answer(out, 200))
        assert done.message.from_tag.decode() == self.tag
        assert done.message.cseq == self.node_cseq


@settings(max_examples=150, deadline=None)
@example(["ring", "node info", "die", "ring", "node info", "die", "media", "node info"], True)
@given(STEPS, st.booleans())
def test_one_dialog_in_order(steps: list[str], media: bool) -> None:
    story = Story()
    for step in steps:
        if step.startswith(("ring", "media")):
            story.rings(180, step != "ring", step == "media")
        elif step == "die":
            story.dies()
        elif not story.heard:
            continue
        elif step == "prack" and story.unacknowledged:
            story.says("PRACK", f"RAck: {story.unacknowledged.pop(0)} 1 INVITE")
        elif step == "info" and story.tag:
            story.says("INFO")
        elif step == "node info" and story.tag:
            story.node_says("INFO")
    story.rings(200, False, media)
    text = from_carrier("ACK", story.heard[-1], "ack", 1)
    ack, *ours = story.world.hear(story.world.carrier, text)
    assert (ack.to, ack.message.to_tag.decode()) == (HOSTS[story.node], story.tag)
    for item in ours:  # the re-INVITE of a caller that holds a dead node's description
        assert (item.flow, item.message.method) == (story.world.carrier, b"INVITE")
        assert item.message.cseq > story.seen_cseq
        story.seen_cseq = item.message.cseq
        body = sdp(CARRIER, version=2)
        out = story.world.hear(
            story.world.carrier,
            answer(item, 200, contact=f"<sip:{CARRIER}>", extra=BODY, body=body),
        )
        assert [sent.message.method for sent in out] == [b"ACK"]
    story.says("INFO")
    story.says("BYE")
    assert len(story.world.engine.shared.legs) == 0
    assert not story.world.engine.shared.legs.renamed
    assert not story.world.engine.shared.legs.unacked
