"""Token keys: made once, private, rotated by renaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.runtime import keys
from sipfront.runtime.errors import StartupError


def test_made_at_first_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keys"
    first = keys.load(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {keys.TOKEN, keys.BINDING}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert len(first.tokens) == 1
    assert len(first.tokens[0]) == len(first.binding) == 32
    assert first.binding != first.tokens[0]
    assert keys.load(folder) == first


def test_rotation(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = keys.load(folder)
    (folder / keys.TOKEN).rename(folder / keys.TOKEN_OLD)
    second = keys.load(folder)
    assert second.tokens[1] == first.tokens[0]
    assert second.tokens[0] != first.tokens[0]
    assert second.binding == first.binding


@pytest.mark.parametrize("what", ["folder", "file"])
def test_refused_when_others_can_read(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "keys"
    keys.load(folder)
    (folder if what == "folder" else folder / keys.BINDING).chmod(0o744)
    with pytest.raises(StartupError, match="can be read by others"):
        keys.load(folder)


def test_a_broken_key_and_a_folder_that_is_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.load(folder)
    (folder / keys.TOKEN).write_bytes(b"short")
    with pytest.raises(StartupError, match="holds 5 octets"):
        keys.load(folder)
    with pytest.raises(StartupError, match="cannot use the keys in"):
        keys.load(folder / keys.TOKEN)
