"""Lists of Contacts: each phone sees its own, everybody else's at the front, nobody a node."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from tests.stack.test_front import register
from tests.stack.world import FRONT, INSIDE, NODE_A, World, request

_numbers = count()
OWN, ELSE = "sip:1001@192.168.1.5:5060", "sip:1001@192.168.1.9:5060"


def scene() -> tuple[World, Flow, str, str]:
    """Two phones of one address-of-record; how the node knows them."""
    world = World()
    flow, other = world.phone(), world.phone("198.51.100.9", 40001)
    register(world, flow, OWN)
    for binding in world.engine.shared.bindings:
        binding.held[0] = 0.0  # the node of this story grants one at a time
    world.now += 1
    register(world, other, ELSE)
    names = {b.contact.decode(): b.name.decode() for b in world.engine.shared.bindings}
    assert set(names) == {OWN, ELSE}
    inside = [f"sip:1001@{INSIDE}:5062;sf={names[contact]}" for contact in (OWN, ELSE)]
    return world, flow, *inside  # type: ignore[return-value]


def notified(world: World, to: str, body: str, kind: str = "application/reginfo+xml") -> str:
    """The body that the phone gets for one that the node sent."""
    text = request(
        "NOTIFY",
        to,
        via=f"{NODE_A}:5060",
        branch=f"n{next(_numbers)}",
        sender=f"<sip:1001@{NODE_A}>;tag=n",
        call_id="reg",
        contact="",
        extra=f"Event: reg\nSubscription-State: active\nContent-Type: {kind}",
        body=body,
    )
    (sent,) = world.hear(world.nodes[0], text)
    assert sent.message.method == b"NOTIFY"
    assert int(sent.message.value(h.CONTENT_LENGTH) or b"") == len(sent.message.body)
    return sent.message.body.decode()


def document(*uris: str, prefix: str = "") -> str:
    contacts = "".join(
        f"<{prefix}contact id='{n}' state='active'><{prefix}uri>{uri}</{prefix}uri>"
        f"</{prefix}contact>"
        for n, uri in enumerate(uris)
    )
    return (
        f"<{prefix}reginfo><{prefix}registration aor='sip:1001@{NODE_A}'>{contacts}"
        f"</{prefix}registration></{prefix}reginfo>"
    )


def test_the_own_contact_and_the_others() -> None:
    world, _, own, other = scene()
    for prefix in ("", "ri:"):
        got = notified(world, own, document(own, other, prefix=prefix))
        token = other.partition(";")[2]
        assert got == document(OWN, f"sip:1001@{FRONT}:5060;{token}", prefix=prefix).replace(
            NODE_A, "example.com"
        )


def test_a_contact_that_is_gone_keeps_its_name() -> None:
    """In the document that says so it is what it was in the ones before."""
    world, _, own, other = scene()
    before = notified(world, own, document(own, other))
    gone = next(b for b in world.engine.shared.bindings if b.contact == ELSE.encode())
    world.engine.shared.bindings.remove(gone)
    assert notified(world, own, document(own, other)) == before


def test_what_cannot_be_read_is_masked() -> None:
    world, _, own, _ = scene()
    for body in (
        f"<reginfo><contact><uri>not a uri {NODE_A}</uri>",
        f"<uri>sip:1001@{NODE_A}</uri",
        f"no xml at all {NODE_A}:5060",
        f"<uri>sip:[ {NODE_A};sf=x</uri>",
    ):
        got = notified(world, own, body)
        assert got == body.replace(f"{NODE_A}:5060", NODE_A).replace(NODE_A, "example.com")
    plain = document(own)
    assert notified(world, own, plain, "text/plain") == plain, "no list, so it is not touched"


@given(
    body=st.text(st.sampled_from("<>/uri &;=sf:@ \n") | st.characters(codec="ascii"), max_size=80)
)
def test_any_body_passes(body: str) -> None:
    world, _, own, _ = scene()
    notified(world, own, body.replace("\r", ""))
