from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sipfront.admin.token import TokenError, read, read_or_make


def test_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token"
    old = os.umask(0)
    try:
        token = read_or_make(path)
    finally:
        os.umask(old)
    assert len(token) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_or_make(path) == token == read(path)


@pytest.mark.parametrize(
    "text", [b"", b"short", b"two words are no token", b"\xff" * 40, b"x" * 999]
)
def test_what_is_no_token(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(TokenError, match="holds no token"):
        read_or_make(path)


def test_a_file_that_is_open_to_everybody(tmp_path: Path) -> None:
    path = tmp_path / "token"
    read_or_make(path)
    path.chmod(0o644)
    with pytest.raises(TokenError, match="chmod 0600"):
        read(path)
    path.chmod(0o640)
    assert read(path)


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="there is no token file"):
        read(tmp_path / "token")
    with pytest.raises(TokenError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenError, match="cannot be made"):
        read_or_make(tmp_path / "file" / "token")
