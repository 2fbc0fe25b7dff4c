"""Credentials that the front knows: which challenge they answer, and what they prove."""

from __future__ import annotations

from sipfront.sip import digest
from sipfront.stack.accounts import Account, Accounts

REALM = b"example.com"
MD5 = digest.challenge(REALM, b"n1")
SHA = digest.challenge(REALM, b"n2", algorithm=b"SHA-256")


def verified(header: bytes | None, password: bytes = b"secret") -> bool:
    assert header is not None
    given = digest.parse(header)
    kind = given.get(b"algorithm", b"MD5")
    return digest.verify(given, digest.ha1(b"1001", REALM, password, kind), b"REGISTER")


def answer(account: Account, *challenges: bytes) -> bytes | None:
    return account.answer(challenges, b"REGISTER", b"sip:example.com", b"c")


def test_a_password_answers_whatever_is_asked() -> None:
    account = Account(b"1001", b"secret")
    for order in ((MD5,), (SHA,), (SHA, MD5), (b"Basic realm=x", b"Digest nonsense=,=", MD5)):
        assert verified(answer(account, *order))
    assert b"SHA-256" in (answer(account, SHA, MD5) or b""), "the server's first (RFC 8760 2.4)"


def test_an_ha1_answers_its_realm_and_algorithm_only() -> None:
    secret = digest.ha1(b"1001", REALM, b"secret")
    account = Account(b"1001", b"", ((REALM, b"md5", secret),))
    assert verified(answer(account, SHA, MD5))
    assert answer(account, SHA) is None
    assert answer(account, digest.challenge(b"other", b"n")) is None
    anywhere = Account(b"1001", b"", ((b"", b"md5", secret),))
    assert verified(answer(anywhere, MD5))


def test_an_algorithm_that_nobody_knows() -> None:
    assert answer(Account(b"1", b"x"), digest.challenge(REALM, b"n", algorithm=b"FOO-9")) is None


def test_what_a_phone_proves() -> None:
    account = Account(b"1001", b"secret")
    right = answer(account, MD5) or b""
    assert account.proves(right, b"REGISTER") is True
    assert account.proves(right, b"INVITE") is False
    assert Account(b"1001", b"other").proves(right, b"REGISTER") is False
    assert Account(b"1002", b"secret").proves(right, b"REGISTER") is False
    assert account.proves(b"Digest =", b"REGISTER") is False
    only = Account(b"1001", b"", ((b"elsewhere", b"md5", b"0" * 32),))
    assert only.proves(right, b"REGISTER") is None


def test_found_by_address_or_by_user_and_not_once_refused() -> None:
    one, two = Account(b"1001", b"a"), Account(b"1001", b"b")
    accounts = Accounts({b"1001": one, b"1001@example.net": two})
    assert accounts.of(b"1001@example.com") is one
    assert accounts.of(b"1001@example.net") is two
    assert accounts.of(b"1002@example.com") is None
    accounts.refused.add(b"1001@example.com")
    assert accounts.of(b"1001@example.com") is None
    accounts.replaced({b"1001": one})
    assert accounts.of(b"1001@example.com") is one
    assert len(accounts) == 1


def test_secrets_are_never_shown() -> None:
    assert "secret" not in repr(Account(b"1001", b"secret"))
