"""What two ends agreed: every pair of the table, stories of each way to offer, and any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.message import Message, scan
from sipfront.stack import session as s
from sipfront.stack.session import Session, session_expires
from tests.stack.world import octets, request

OUT, IN = True, False


def sdp(name: str, more: str = "") -> str:
    return f"v=0\no=- 1 1 IN IP4 {name}\ns=-\nc=IN IP4 {name}\nt=0 0\nm=audio 4000 RTP/AVP 0{more}"


def wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def asks(method: str, body: str = "", cseq: int = 1, extra: str = "") -> Message:
    kind = "Content-Type: application/sdp\n" if body else ""
    return scan(
        octets(
            request(
                method,
                "sip:x@example.com",
                cseq=cseq,
                extra=kind + extra or "Subject: x",
                body=body,
            )
        )
    )


def says(status: int, to: Message, body: str = "", extra: str = "") -> Message:
    lines = [f"SIP/2.0 {status} X", "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKa"]
    lines += ["From: <sip:a@b>;tag=a", "To: <sip:c@d>;tag=c", "Call-ID: c1"]
    lines.append(f"CSeq: {to.cseq} {to.method.decode()}")
    if body:
        lines.append("Content-Type: application/sdp")
    lines += extra.strip().splitlines()
    return scan(octets("\n".join(lines) + "\n\n" + body))


def test_an_offer_in_the_invite() -> None:
    """An unreliable 183 is only a guess; the 2xx decides."""
    one = Session()
    invite = asks("INVITE", sdp("a"))
    assert not one.asked(invite, OUT)
    assert not one.replied(invite, says(183, invite, sdp("early")), OUT, 1.0)
    assert (one.state, one.outside_sdp) == (s.OFFERED, b"")
    assert one.replied(invite, says(200, invite, sdp("b")), OUT, 1.0)
    assert (one.outside_sdp, one.inside_sdp) == (wire(sdp("a")), wire(sdp("b")))
    assert one.state == s.STABLE
    assert one.replied(invite, says(200, invite, sdp("c")), OUT, 1.0)  # the 2xx again
    assert one.inside_sdp == wire(sdp("b"))


def test_an_answer_that_stood_only_in_the_183() -> None:
    one = Session()
    invite = asks("INVITE", sdp("a"))
    one.asked(invite, IN)
    one.replied(invite, says(183, invite, sdp("b")), IN, 1.0)
    one.replied(invite, says(200, invite), IN, 1.0)
    assert (one.inside_sdp, one.outside_sdp) == (wire(sdp("a")), wire(sdp("b")))


def test_an_offer_in_the_2xx_and_its_answer_in_the_ack() -> None:
    one = Session()
    invite = asks("INVITE")
    one.asked(invite, OUT)
    one.replied(invite, says(200, invite, sdp("b")), OUT, 1.0)
    assert one.state == s.COUNTERED
    assert one.asked(asks("ACK", sdp("a")), OUT)
    assert (one.outside_sdp, one.inside_sdp) == (wire(sdp("a")), wire(sdp("b")))
    one.replied(invite, says(200, invite, sdp("x")), OUT, 1.0)  # late, again
    assert one.state == s.STABLE


def test_an_offer_in_a_reliable_183_and_its_answer_in_the_prack() -> None:
    one = Session()
    invite = asks("INVITE")
    one.asked(invite, OUT)
    one.replied(invite, says(183, invite, sdp("b"), "Require: 100rel\nRSeq: 1"), OUT, 1.0)
    assert one.asked(asks("PRACK", sdp("a"), 2), OUT)
    assert one.outside_sdp == wire(sdp("a"))
    one.replied(invite, says(200, invite), OUT, 1.0)
    assert (one.state, one.inside_sdp) == (s.STABLE, wire(sdp("b")))


def test_a_refused_offer_leaves_all_as_it_was() -> None:
    one = Session()
    invite = asks("INVITE", sdp("a"))
    one.asked(invite, OUT)
    one.replied(invite, says(200, invite, sdp("b")), OUT, 1.0)
    again = asks("INVITE", sdp("a2"), 2)
    one.asked(again, OUT)
    one.replied(again, says(488, again), OUT, 1.0)
    assert (one.state, one.outside_sdp) == (s.STABLE, wire(sdp("a")))
    update = asks("UPDATE", sdp("b2"), 7)
    one.asked(update, IN)
    assert one.state == s.OFFERED
    assert one.replied(update, says(200, update, sdp("a3", "\na=sendonly")), IN, 2.0)
    assert one.inside_sdp == wire(sdp("b2"))
    assert one.held


def test_the_ack_of_the_node_is_missed_until_it_passes() -> None:
    one = Session()
    invite = asks("INVITE", sdp("b"), 9)
    one.asked(invite, IN)
    one.replied(invite, says(200, invite, sdp("a")), IN, 1.0)
    assert one.unacked == 9
    one.asked(asks("ACK", "", 9), IN)
    assert one.unacked == 0


def test_bodies_that_are_not_kept() -> None:
    """Too long, or one of several: nobody is named by them."""
    one = Session()
    invite = asks("INVITE", sdp("a", "\na=x:" + "y" * s.MAX_SDP))
    one.asked(invite, OUT)
    one.replied(invite, says(200, invite, sdp("b")), OUT, 1.0)
    assert (one.outside_sdp, one.inside_sdp) == (s.UNKNOWN, wire(sdp("b")))
    text = octets(
        request("INVITE", "sip:x@y", cseq=3, extra="Content-Type: multipart/mixed", body="--x")
    )
    assert s.description(scan(text)) == s.UNKNOWN
    text = octets(request("INFO", "sip:x@y", extra="Content-Type: application/dtmf", body="5"))
    assert s.description(scan(text)) == b""


def test_who_refreshes_and_until_when() -> None:
    """RFC 4028: the refresher is named by its part in the last transaction."""
    one = Session()
    invite = asks("INVITE", sdp("a"), extra="Supported: timer, 100rel\nAllow: INVITE, UPDATE")
    one.asked(invite, OUT)
    one.replied(invite, says(200, invite, sdp("b"), "Session-Expires: 90;refresher=uas"), OUT, 5.0)
    assert (one.interval, one.refresher, one.refreshed) == (90, s.THE_INSIDE, 5.0)
    assert one.can == s.UPDATE | s.TIMER | s.RELIABLE
    update = asks("UPDATE", cseq=8)
    one.asked(update, IN)
    one.replied(update, says(200, update, "", "Session-Expires: 100; refresher=uac"), IN, 50.0)
    assert (one.interval, one.refresher, one.refreshed) == (100, s.THE_INSIDE, 50.0)
    one.replied(update, says(200, update, "", "x: 100;refresher=uas"), IN, 60.0)
    assert (one.interval, one.refresher) == (100, s.THE_OUTSIDE)
    update = asks("UPDATE", cseq=3, extra="Session-Expires: 120;refresher=uac")
    one.asked(update, OUT)
    one.replied(update, says(200, update), OUT, 70.0)  # 7.2: the asker refreshes all the same
    assert (one.interval, one.refresher) == (120, s.THE_OUTSIDE)
    update = asks("UPDATE", cseq=4)
    one.replied(update, says(200, update), OUT, 80.0)
    assert (one.interval, one.refresher) == (0, s.NOBODY)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"1800", (1800, True)),
        (b"90 ; refresher = uas", (90, False)),
        (b"x;refresher=uas", (0, True)),
        (b"", (0, True)),
        (b"99999999999", (0, True)),
    ],
)
def test_session_expires(value: bytes, read: tuple[int, bool]) -> None:
    assert session_expires(value) == read


@pytest.mark.parametrize("state", range(len(s.STATES)))
@pytest.mark.parametrize("event", range(len(s.EVENTS)))
def test_every_pair(state: int, event: int) -> None:
    """A pair of the table does what its row says; any other changes nothing."""
    one = Session()
    one.state, one.offer, one.guess = state, b"offer", b"guess"
    one.outside_sdp, one.inside_sdp = b"old out", b"old in"
    row = s.TABLE.get((state, event))
    agreed = one._step(event, b"new", OUT)
    if row is None:
        assert (one.state, one.offer, agreed) == (state, b"offer", False)
        return
    assert one.state == row[0]
    assert agreed == (row[1] in (s.AGREE, s.ASSUME))
    if not agreed:
        assert (one.outside_sdp, one.inside_sdp) == (b"old out", b"old in")
    else:
        assert one.inside_sdp == b"offer"


@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "bare", "1xx", "2xx", "2xx bare", "4xx", "ack"]),
                  st.booleans()),
        max_size=12,
    )
)  # fmt: skip
def test_any_order_agrees_only_on_what_was_said(events: list[tuple[str, bool]]) -> None:
    """What counts for an end is always something which that end said."""
    one = Session()
    said: dict[bool, set[bytes]] = {OUT: {b""}, IN: {b""}}
    last: tuple[Message, bool] | None = None
    for number, (what, who) in enumerate(events):
        body = sdp(f"{'o' if who else 'i'}{number}")
        if what in ("ask", "bare"):
            message = asks("INVITE", body if what == "ask" else "", number + 1)
            one.asked(message, who)
            last = (message, who)
            said[who].add(wire(body))
        elif last is not None and what == "ack":
            body = sdp(f"{'o' if last[1] else 'i'}{number}")
            one.asked(asks("ACK", body, last[0].cseq), last[1])
            said[last[1]].add(wire(body))
        elif last is not None:
            status = {"1xx": 183, "2xx": 200, "2xx bare": 200, "4xx": 488}[what]
            body = sdp(f"{'i' if last[1] else 'o'}{number}") if what in ("1xx", "2xx") else ""
            one.replied(last[0], says(status, last[0], body), last[1], float(number))
            said[not last[1]].add(wire(body))
        assert one.outside_sdp in said[OUT]
        assert one.inside_sdp in said[IN]
        assert (one.outside_sdp == b"") == (one.inside_sdp == b"")


def test_a_session_comes_back_from_its_values() -> None:
    one = Session()
    invite = asks("INVITE", sdp("a"), extra="Allow: UPDATE")
    one.asked(invite, OUT)
    one.replied(invite, says(200, invite, sdp("b"), "Session-Expires: 90;refresher=uas"), OUT, 5.0)
    two = Session.restored(one.stored(1000.0), 990.0)
    assert two.refreshed == 15.0
    two.refreshed = 5.0
    assert all(getattr(one, name) == getattr(two, name) for name in Session.__slots__)
    with pytest.raises(ValueError, match="unpack"):
        Session.restored(one.stored(0.0)[:-1], 0.0)
