"""The small registrar: RFC 3261 10.3 and digest, as stories with messages."""

import pytest

from sipfront.demo import wire
from sipfront.demo.registrar import MAX_CONTACTS, NONCE_LIFE, Denied, Doorman, Registrar
from sipfront.sip.message import Message, scan


def register(
    contact: str = "<sip:1001@127.0.0.5:5060>",
    *,
    expires: str = "60",
    cseq: int = 1,
    call_id: str = "c1",
    proof: bytes = b"",
    user: str = "1001",
) -> Message:
    lines = [
        "REGISTER sip:demo.example SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.5:5060;branch=z9hG4bKx",
        f"From: <sip:{user}@demo.example>;tag=a",
        f"To: <sip:{user}@demo.example>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
    ]
    if contact:
        lines.append(f"Contact: {contact}")
    if expires:
        lines.append(f"Expires: {expires}")
    head = "\r\n".join(lines).encode() + b"\r\n"
    return scan(head + proof + b"Content-Length: 0\r\n\r\n")


def uris(registrar: Registrar, now: float) -> list[bytes]:
    return [contact.raw for contact in registrar.contacts("1001", now)]


def test_a_contact_lives_until_it_expires() -> None:
    registrar = Registrar()
    told = registrar.register("1001", register(), 0.0)
    assert told == b"Contact: <sip:1001@127.0.0.5:5060>;expires=60\r\n"
    assert uris(registrar, 59.9) == [b"sip:1001@127.0.0.5:5060"]
    assert uris(registrar, 60.0) == []
    assert registrar.count(60.0) == 0


def test_several_contacts_and_one_that_goes() -> None:
    registrar = Registrar()
    registrar.register("1001", register(), 0.0)
    registrar.register("1001", register("<sip:1001@127.0.0.6:5060>", call_id="c2"), 0.0)
    assert registrar.count(1.0) == 2
    gone = register("<sip:1001@127.0.0.5:5060>;expires=0", cseq=2, expires="")
    told = registrar.register("1001", gone, 1.0)
    assert uris(registrar, 1.0) == [b"sip:1001@127.0.0.6:5060"]
    assert b"127.0.0.5" not in told


def test_a_query_changes_nothing() -> None:
    registrar = Registrar()
    registrar.register("1001", register(), 0.0)
    assert b"expires=50" in registrar.register("1001", register("", expires="", cseq=2), 10.0)


def test_the_star_removes_all() -> None:
    registrar = Registrar()
    registrar.register("1001", register(), 0.0)
    with pytest.raises(Denied) as denied:
        registrar.register("1001", register("*", cseq=2), 0.0)
    assert denied.value.status == 400
    registrar.register("1001", register("*", expires="0", cseq=3), 0.0)
    assert uris(registrar, 0.0) == []


def test_an_older_request_is_refused() -> None:
    registrar = Registrar()
    registrar.register("1001", register(cseq=5), 0.0)
    with pytest.raises(Denied) as denied:
        registrar.register("1001", register(cseq=5), 0.0)
    assert denied.value.status == 500
    registrar.register("1001", register(cseq=1, call_id="after-a-restart"), 0.0)


def test_too_short_is_423_and_all_or_nothing() -> None:
    registrar = Registrar()
    contacts = "<sip:1001@127.0.0.5:5060>, <sip:1001@127.0.0.6:5060>;expires=3"
    with pytest.raises(Denied) as denied:
        registrar.register("1001", register(contacts), 0.0)
    assert denied.value.status == 423
    assert b"Min-Expires: 10" in denied.value.extra
    assert uris(registrar, 0.0) == []


def test_there_is_a_limit_and_a_user_registers_only_himself() -> None:
    registrar = Registrar()
    many = ", ".join(f"<sip:1001@127.0.0.{n}:5060>" for n in range(MAX_CONTACTS + 1))
    for user, message in (("1001", register(many)), ("1002", register())):
        with pytest.raises(Denied) as denied:
            registrar.register(user, message, 0.0)
        assert denied.value.status == 403


def challenged(doorman: Doorman, message: Message, now: float) -> Message:
    """The 401 that a request gets, as an answer that a phone reads."""
    with pytest.raises(Denied) as denied:
        doorman.check(message, now)
    assert denied.value.status == 401
    head = b"SIP/2.0 401 Unauthorized\r\n" + message.data.partition(b"\r\n")[2]
    return scan(head.replace(b"Content-Length", denied.value.extra + b"Content-Length", 1))


def prove(answer: Message, password: bytes = b"secret", user: bytes = b"1001") -> bytes:
    made = wire.proof(answer, user, password, b"REGISTER", b"sip:demo.example")
    assert made is not None
    return made[0]


def test_whoever_knows_the_password_is_let_in() -> None:
    doorman = Doorman("demo.example", {"1001": "secret"})
    proof = prove(challenged(doorman, register(), 5.0))
    assert doorman.check(register(proof=proof), 6.0) == "1001"


def test_an_old_nonce_is_stale_and_a_foreign_one_is_challenged() -> None:
    doorman = Doorman("demo.example", {"1001": "secret"})
    proof = prove(challenged(doorman, register(), 5.0))
    with pytest.raises(Denied) as denied:
        doorman.check(register(proof=proof), 6.0 + NONCE_LIFE)
    assert denied.value.status == 401
    assert b"stale=true" in denied.value.extra
    other = Doorman("demo.example", {"1001": "secret"})
    with pytest.raises(Denied) as denied:
        other.check(register(proof=proof), 6.0)
    assert denied.value.status == 401
    assert b"stale" not in denied.value.extra


@pytest.mark.parametrize(("user", "password"), [(b"1001", b"wrong"), (b"9999", b"secret")])
def test_a_wrong_password_and_an_unknown_user_look_alike(user: bytes, password: bytes) -> None:
    doorman = Doorman("demo.example", {"1001": "secret"})
    proof = prove(challenged(doorman, register(), 5.0), password, user)
    with pytest.raises(Denied) as denied:
        doorman.check(register(proof=proof), 5.0)
    assert denied.value.status == 403
