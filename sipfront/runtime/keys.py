"""The token keys: files of 32 random octets, for their owner only, made at the first start.

``token.key`` signs dialog tokens; ``token.old`` (if there) still opens them, so a key is rotated
by renaming.  ``binding.key`` names bindings and is never rotated: with another one every phone's
contact would change.  Losing the folder costs one round of registrations and the calls in
progress; somebody else reading it may forge tokens, hence the strictness.
"""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING, NamedTuple

from sipfront.runtime.errors import StartupError, plain

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 32

TOKEN = "token.key"
TOKEN_OLD = "token.old"
BINDING = "binding.key"


class Keys(NamedTuple):
    """``tokens``: the first signs, all open."""

    tokens: tuple[bytes, ...]
    binding: bytes


def load(folder: Path) -> Keys:
    """Read the keys of ``folder``, making what is missing.  Raises StartupError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(folder)
        tokens = [_read(folder / TOKEN, make=True)]
        if (folder / TOKEN_OLD).exists():
            tokens.append(_read(folder / TOKEN_OLD, make=False))
        return Keys(tuple(tokens), _read(folder / BINDING, make=True))
    except OSError as error:
        name = error.filename or folder
        raise StartupError(f"cannot use the keys in {name}: {plain(error, 'file')}") from error


def _private(path: Path) -> None:
    """Refuse what others can read."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        kind = "0700" if path.is_dir() else "0600"
        raise StartupError(
            f"{path} can be read by others (mode {mode:04o}); make it {kind}, and its keys new if "
            "somebody may have read them"
        )


def _read(path: Path, *, make: bool) -> bytes:
    if make:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(fd, "wb") as file:
                file.write(secrets.token_bytes(LENGTH))
                file.flush()
                os.fsync(file.fileno())
    _private(path)
    key = path.read_bytes()
    if len(key) != LENGTH:
        raise StartupError(f"{path} holds {len(key)} octets, a key has {LENGTH}")
    return key
