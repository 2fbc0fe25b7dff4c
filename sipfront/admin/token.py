"""The token of the operator: a file that only its owner can read.

It is needed for everything that changes something, also on loopback, because any program of any
user on the machine can reach loopback.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: What may stand in an Authorization header (RFC 6750 2.1); 16 of it cannot be guessed.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,256}=*\Z")


class TokenError(Exception):
    """The token file cannot be used; the text says why in one sentence."""


def read(path: Path) -> str:
    """The token in ``path``.

    :raises TokenError: the file is not there, is open to everybody, or holds no token.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(1024)
    except FileNotFoundError:
        text = f"there is no token file {path} (the front makes it at its first start)"
        raise TokenError(text) from None
    except OSError as error:
        raise TokenError(f"the token file {path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise TokenError(f"the token file {path} is not a file")
    if mode & stat.S_IRWXO:
        raise TokenError(f"the token file {path} is open to everybody: chmod 0600 {path}")
    token = raw.decode("ascii", "replace").strip()
    if not _TOKEN.match(token):
        raise TokenError(
            f"the token file {path} holds no token (16 to 256 letters and digits in one line); "
            "remove it and the front makes a new one at its next start"
        )
    return token


def read_or_make(path: Path) -> str:
    """The token in ``path``, made when the file is not there yet.

    :raises TokenError: as :func:`read`, or the file cannot be made.
    """
    if os.path.lexists(path):
        return read(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise TokenError(f"the token file {path} cannot be made: {error.strerror}") from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token
