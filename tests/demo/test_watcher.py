from __future__ import annotations

from sipfront.demo import watcher as watching
from sipfront.demo.watcher import Watcher, labelled
from sipfront.screen.ladder import Seen

INVITE = (
    b"INVITE sip:600@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
    b"To: <sip:600@x>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def answer(status: int, method: bytes = b"INVITE") -> bytes:
    return (
        INVITE.replace(b"INVITE sip:600@x SIP/2.0", b"SIP/2.0 %d X" % status)
        .replace(b"CSeq: 1 INVITE", b"CSeq: 1 " + method)
        .replace(b"Max-Forwards: 70\r\n", b"")
    )


def test_what_makes_the_picture() -> None:
    assert labelled(INVITE) == ("c1", "INVITE")
    assert labelled(answer(180)) == ("c1", "180")
    assert labelled(answer(200, b"BYE")) == ("c1", "200 (BYE)")
    assert labelled(answer(100)) is None
    assert labelled(answer(200, b"OPTIONS")) is None
    assert labelled(b"\r\n\r\n") is None


def test_memory_is_bounded() -> None:
    watcher = Watcher()
    for n in range(watching.CALLS + 5):
        for _ in range(watching.MESSAGES + 5):
            watcher.note(str(n), Seen(0.0, "a", True, "INVITE"))
    assert watcher.of("0") == []
    assert len(watcher.of(str(watching.CALLS))) == watching.MESSAGES
