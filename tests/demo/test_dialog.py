"""A dialog's numbers rise, and its requests go where RFC 3261 12 says."""

from __future__ import annotations

from sipfront.demo.dialog import Dialog
from sipfront.sip.message import Message, scan


def invite(cseq: int = 5, contact: str = "<sip:far@127.0.0.5>") -> Message:
    return scan(
        (
            "INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
            "Record-Route: <sip:one;lr>, <sip:two;lr>\r\n"
            f"From: <sip:a@b>;tag=theirs\r\nTo: <sip:x@b>\r\nCall-ID: c\r\nCSeq: {cseq} INVITE\r\n"
            f"Contact: {contact}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )


def test_a_callee_s_dialog() -> None:
    dialog = Dialog.called(invite(), b"ours")
    assert dialog.local == b"<sip:x@b>;tag=ours"
    assert dialog.remote == b"<sip:a@b>;tag=theirs"
    assert dialog.routes == b"<sip:one;lr>, <sip:two;lr>"
    data = dialog.request(b"BYE", b"SIP/2.0/UDP h;branch=z9hG4bK2", 1)
    message = scan(data)
    assert message.uri == b"sip:far@127.0.0.5"
    assert (message.from_tag, message.to_tag) == (b"ours", b"theirs")


def test_only_rising_numbers_are_in_order() -> None:
    dialog = Dialog.called(invite(5), b"ours")
    assert not dialog.in_order(invite(5))
    assert dialog.in_order(invite(105))  # jumps are legal
    assert not dialog.in_order(invite(104))


def test_a_target_refresh_changes_where_it_goes() -> None:
    dialog = Dialog.called(invite(), b"ours")
    dialog.refreshed(invite(6, "<sip:elsewhere@127.0.0.6>"))
    assert dialog.target == b"sip:elsewhere@127.0.0.6"
    dialog.refreshed(invite(7, "<<"))
    assert dialog.target == b"sip:elsewhere@127.0.0.6"


def test_a_caller_s_route_set_is_reversed() -> None:
    answer = scan(
        b"SIP/2.0 200 OK\r\n"
        + invite().data.partition(b"\r\n")[2].replace(b"<sip:x@b>", b"<sip:x@b>;tag=t")
    )
    dialog = Dialog.calling(answer, 5)
    assert dialog.routes == b"<sip:two;lr>, <sip:one;lr>"
    assert (dialog.local_tag, dialog.remote_tag) == (b"theirs", b"t")
