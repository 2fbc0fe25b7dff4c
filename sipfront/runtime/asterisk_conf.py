"""Asterisk's configuration format, and the credentials in a ``pjsip.conf``.

Read are sections with templates (``[name](!)``, ``[name](a,b)``, ``[name](+)``), ``#include`` and
``#tryinclude`` with wildcards, comments and escapes: what people write by hand, and what FreePBX
generates.  ``#exec`` is not: a program's output is not the front's to ask for.

Text in, values out, but for the files that are included.  Imported by the runtime only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sipfront.stack.accounts import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Includes inside of includes; Asterisk itself stops at ten.
MAX_DEPTH = 10
#: Files of one configuration.
MAX_FILES = 1_000

_SECTION = re.compile(r"\[([^\]]+)\]\s*(?:\(([^)]*)\))?")
_INCLUDE = re.compile(r"#(include|tryinclude|exec)\s+[\"<]?([^\">]+)[\">]?\s*$")
_BLOCK = re.compile(r";--.*?--;", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\);.*$")


class ConfError(ValueError):
    """A file that cannot be read; the text says which and why."""


class Section(NamedTuple):
    """One section, templates applied: a name, and what it says, later values last."""

    name: str
    values: dict[str, list[str]]

    def one(self, key: str) -> str:
        """The last value of a key, "" without one."""
        return self.values.get(key, [""])[-1]

    def many(self, key: str) -> list[str]:
        """All values of a key, separated by commas or written again and again."""
        found = [piece.strip() for value in self.values.get(key, ()) for piece in value.split(",")]
        return [piece for piece in found if piece]


def sections(path: Path, checked: Callable[[Path], None]) -> list[Section]:
    """The sections of a file and of all that it includes, in order; raises ConfError.

    ``checked`` is asked about each file before it is read.
    """
    found: list[Section] = []
    templates: dict[str, list[dict[str, list[str]]]] = {}
    current: dict[str, list[str]] | None = None
    for line in _lines(path, path.parent, checked, 0, []):
        header = _SECTION.match(line)
        if header:
            options = [piece.strip() for piece in (header[2] or "").split(",") if piece.strip()]
            name = header[1].strip()
            added = any(option.startswith("+") for option in options)
            last = next((s for s in reversed(found) if s.name == name), None)
            if added and last is not None:
                current = last.values
            else:
                current = {}
                if "!" not in options:
                    found.append(Section(name, current))
                templates.setdefault(name, []).append(current)
            for option in options:
                for values in templates.get(option, ()) if option not in ("!", "+") else ():
                    for key, items in values.items():
                        current[key] = list(items)
            continue
        key, equals, value = line.partition("=")
        if current is not None and equals:
            key = key.strip().lower()
            current.setdefault(key, []).append(value.removeprefix(">").strip().replace("\\;", ";"))
    return found


def _lines(
    path: Path, folder: Path, checked: Callable[[Path], None], depth: int, seen: list[Path]
) -> Iterator[str]:
    if depth > MAX_DEPTH or len(seen) > MAX_FILES:
        raise ConfError(f"{path}: too many files include each other")
    checked(path)
    seen.append(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfError(f"{path}: {error.strerror}") from None
    for raw in _BLOCK.sub("", text).splitlines():
        line = _COMMENT.sub("", raw).strip()
        include = _INCLUDE.match(line)
        if include is None:
            if line:
                yield line
            continue
        kind, name = include[1], include[2].strip()
        if kind == "exec":
            raise ConfError(f"{path}: #exec is not followed")
        where = sorted(folder.glob(name)) if not name.startswith("/") else []
        if name.startswith("/"):
            root = folder.__class__("/")
            where = sorted(root.glob(name.lstrip("/")))
        if not where and kind == "include" and not set(name) & set("*?["):
            raise ConfError(f"{path}: #include {name}: no such file")
        for file in where:
            yield from _lines(file, folder, checked, depth + 1, seen)


def accounts(found: list[Section]) -> dict[bytes, Account]:
    """The credentials of a ``pjsip.conf``, by the name of the address-of-record."""
    auths = {section.name: section for section in found if section.one("type") == "auth"}
    table: dict[bytes, Account] = {}
    for section in found:
        kind = section.one("type")
        if kind == "endpoint":
            auth = next((auths[name] for name in section.many("auth") if name in auths), None)
            account = _account(auth) if auth is not None else None
            if account is not None:
                for aor in section.many("aors") or [section.name]:
                    table[aor.encode()] = account
        elif kind == "wizard" and section.one("inbound_auth/password"):
            user = section.one("inbound_auth/username") or section.name
            password = section.one("inbound_auth/password")
            table[section.name.encode()] = Account(user.encode(), password.encode())
    return table


def _account(auth: Section) -> Account | None:
    user = (auth.one("username") or auth.name).encode()
    realm = auth.one("realm").encode()
    secrets: list[tuple[bytes, bytes, bytes]] = []
    if auth.one("md5_cred"):
        secrets.append((realm, b"md5", auth.one("md5_cred").encode().lower()))
    for value in auth.values.get("password_digest", ()):
        kind, colon, secret = value.partition(":")
        if colon and kind.lower() in ("md5", "sha-256"):
            secrets.append((realm, kind.lower().encode(), secret.strip().encode().lower()))
    password = auth.one("password").encode()
    if not password and not secrets:
        return None
    return Account(user, password, tuple(secrets))
