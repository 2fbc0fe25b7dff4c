"""What counts against a source, and what is only a mistake."""

from __future__ import annotations

import pytest

from sipfront.stack.notices import Rejected
from tests.stack.world import World, answer, request

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
