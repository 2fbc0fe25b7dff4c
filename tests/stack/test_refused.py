"""What counts against a source, and what is only a mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.stack.notices import Rejected
from tests.stack.world import Sent, World, answer, request

PROOF = 'Authorization: Digest username="1001", realm="r", nonce="n", uri="sip:x", response="0"'


@pytest.mark.parametrize(
    ("method", "uri", "status", "counts"),
    [
        ("REGISTER", "sip:example.com", 403, True),
        ("REGISTER", "sip:example.com", 404, True),  # an extension that does not exist
        ("INVITE", "sip:600@example.com", 403, True),
        ("INVITE", "sip:777@example.com", 404, False),  # a wrong number is no wrong password
        ("INVITE", "sip:600@example.com", 486, False),
    ],
)
def test_which_answers_count(method: str, uri: str, status: int, counts: bool) -> None:
    world = World()
    (sent,) = world.hear(world.phone(), request(method, uri, extra=PROOF))
    world.hear(sent.flow, answer(sent, status, tag="x"))
    assert any(isinstance(notice, Rejected) for notice in world.log) == counts


@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_an_address_of_record_is_counted_over_all_sources(method: str) -> None:
    """A botnet tries one password from each of its hosts."""
    world = World()
    settings = world.engine.shared.settings
    world.engine.shared.guard.limits = replace(settings.limits, refused_per_aor=5)
    uri = "sip:example.com" if method == "REGISTER" else "sip:600@example.com"
    asked = {"to": "<sip:1001@example.com>", "sender": "<sip:1001@example.com>;tag=x"}

    def attempt(number: int, extra: str = PROOF) -> list[Sent]:
        phone = world.phone(f"198.51.100.{number}", 5060)
        return world.hear(
            phone,
            request(method, uri, branch=f"b{number}", call_id=f"c{number}", extra=extra, **asked),
        )

    for number in range(5):
        (sent,) = attempt(number + 1)
        world.hear(sent.flow, answer(sent, 403, tag="x"))
    (refused,) = attempt(6)
    assert refused.message.status == 403
    assert world.engine.counters["refused: banned address-of-record"] == 1
    if method == "INVITE":  # who brings no credentials guesses nothing
        (call,) = attempt(7, extra="")
        assert call.message.method == b"INVITE"
