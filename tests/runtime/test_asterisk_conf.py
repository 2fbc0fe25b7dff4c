"""Asterisk's configuration format: by hand, and as FreePBX generates it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.runtime.asterisk_conf import ConfError, accounts, sections
from sipfront.stack.accounts import Account


def read(path: Path) -> dict[bytes, Account]:
    return accounts(sections(path, lambda _: None))


def test_by_hand(tmp_path: Path) -> None:
    """Templates, comments, escapes, and an auth that is not called like its endpoint."""
    conf = tmp_path / "pjsip.conf"
    conf.write_text(
        """
        [global]
        type = global
        ;-- a block
        [9999]
        type = auth --;
        [phone](!)
        type = endpoint
        context = phones
        [secret](!)
        type = auth
        auth_type = digest
        realm = example.com
        [1001](phone)
        aors = 1001,desk
        auth = auth1001 ; whose
        [auth1001](secret)
        username = bob
        password = se\\;cret
        [1002](phone)
        aors = 1002
        auth = 1002
        [1002](secret)
        username => 1002
        md5_cred = 0123456789ABCDEF0123456789abcdef
        [1003](phone)
        auth = 1003
        [1003](secret)
        password_digest = SHA-256:00
        [carrier](phone)
        aors = carrier
        [desk](+)
        [1001](+)
        callerid = x
        """
    )
    found = read(conf)
    assert found[b"1001"] == found[b"desk"] == Account(b"bob", b"se;cret")
    md5 = (b"example.com", b"md5", b"0123456789abcdef0123456789abcdef")
    assert found[b"1002"] == Account(b"1002", b"", (md5,))
    assert found[b"1003"] == Account(b"1003", b"", ((b"example.com", b"sha-256", b"00"),))
    assert set(found) == {b"1001", b"desk", b"1002", b"1003"}


def test_as_freepbx_writes_it(tmp_path: Path) -> None:
    """Includes of files that exist, of files that do not have to, with wildcards; custom additions."""
    (tmp_path / "pjsip.conf").write_text(
        "#include pjsip_custom.conf\n#include pjsip.auth.conf\n#include pjsip.endpoint.conf\n"
        "#include pjsip.aor.conf\n#include pjsip.d/*.conf\n#tryinclude nothing.conf\n"
    )
    (tmp_path / "pjsip_custom.conf").write_text("; nothing\n")
    (tmp_path / "pjsip.auth.conf").write_text(
        "#include pjsip.auth_custom.conf\n\n"
        "[2001-auth]\ntype=auth\nauth_type=userpass\npassword=f00d\nusername=2001\n\n"
        '#include "pjsip.auth_custom_post.conf"\n'
    )
    (tmp_path / "pjsip.auth_custom.conf").write_text("")
    (tmp_path / "pjsip.auth_custom_post.conf").write_text("[2001-auth](+)\npassword=changed\n")
    (tmp_path / "pjsip.endpoint.conf").write_text(
        "[2001]\ntype=endpoint\naors=2001\nauth=2001-auth\ndisallow=all\n"
        "[dpma_endpoint]\ntype=endpoint\ncontext=dpma-invalid\n"
    )
    (tmp_path / "pjsip.aor.conf").write_text("[2001]\ntype=aor\nmax_contacts=1\n")
    (tmp_path / "pjsip.d").mkdir()
    (tmp_path / "pjsip.d" / "w.conf").write_text(
        "[2002]\ntype=wizard\naccepts_auth=yes\ninbound_auth/username=u\ninbound_auth/password=p\n"
    )
    assert read(tmp_path / "pjsip.conf") == {
        b"2001": Account(b"2001", b"changed"),
        b"2002": Account(b"u", b"p"),
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("#include missing.conf\n", "no such file"),
        ("#exec /bin/secrets\n", "#exec is not followed"),
        ("#include pjsip.conf\n", "too many files"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "pjsip.conf").write_text(text)
    with pytest.raises(ConfError, match=what):
        sections(tmp_path / "pjsip.conf", lambda _: None)


def test_the_lab_is_read() -> None:
    """The configuration with which the tests run a pair of real Asterisks."""
    templates = Path(__file__).resolve().parents[1] / "lab" / "asterisk_conf"
    assert isinstance(read(templates / "pjsip.conf"), dict)
