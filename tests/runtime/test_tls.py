"""Contexts: what cannot be used is said in one sentence, and never asked for at the terminal."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from sipfront.runtime import tls
from sipfront.runtime.errors import StartupError
from sipfront.runtime.tls import Contexts, Files
from tests.runtime.support import certificate


def test_without_a_certificate_there_is_no_server(tmp_path: Path) -> None:
    contexts = Contexts(Files())
    assert contexts.server is None
    strict, lenient = contexts.client(names=True), contexts.client(names=False)
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lenient.verify_mode, lenient.check_hostname) == (ssl.CERT_NONE, False)


def test_nodes_are_verified_where_authorities_are_configured(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "x.example")
    lenient = tls.client_context(Files(cert, key, cert), names=False)
    assert (lenient.verify_mode, lenient.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_old_versions_are_not_spoken(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "x.example")
    server = tls.server_context(Files(cert, key))
    assert server is not None
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


def test_one_file_with_both(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "x.example")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    assert tls.server_context(Files(both)) is not None


def test_sentences(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "x.example")
    _, other = certificate(tmp_path, "y.example")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked],
        check=True,
        capture_output=True,
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for files, words in (
        (Files(tmp_path / "none.pem", key), "cannot read the certificate .*: no such file"),
        (Files(cert, tmp_path / "none.key"), "cannot read the key .*: no such file"),
        (Files(cert, other), "does not belong to the certificate"),
        (Files(cert, locked), "has a password"),
        (Files(empty, key), "cannot be used"),
        (Files(cert, key, empty), "no certificates can be read from"),
        (Files(cert, key, tmp_path / "none"), "cannot read the authorities"),
    ):
        with pytest.raises(StartupError, match=words):
            Contexts(files)
