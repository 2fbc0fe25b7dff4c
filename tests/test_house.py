"""The house holds: imports go one way, pure folders are pure, no file became a drawer.

What is checked here is checked by nobody else: a reviewer forgets, an import does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE = {"sip", "stack", "control", "rescue"}

_RUNTIME = {"sip", "stack", "rescue", "control", "leases", "store", "config", "probes"}
#: What each folder may import besides itself.  ``probes`` stands beside ``sipfront``.
ARROWS: dict[str, set[str]] = {
    "sip": set(),
    "stack": {"sip"},
    "rescue": {"sip", "stack"},
    "control": set(),
    "leases": {"control"},
    "store": set(),
    "config": {"sip"},  # a URI in the configuration is read by the one parser of URIs
    "probes": {"sip"},
    "runtime": _RUNTIME,
    "admin": _RUNTIME | {"runtime"},
    "screen": set(),
    "demo": _RUNTIME | {"runtime", "screen"},
    "cli": _RUNTIME | {"runtime", "admin", "demo", "screen"},
    "__main__": {"cli"},
}

#: What a pure folder never imports: loops, sockets, clocks, chance, logging, files and processes.
IMPURE = {
    "aiohttp", "asyncio", "concurrent", "logging", "multiprocessing", "queue", "random", "secrets",
    "select", "selectors", "signal", "socket", "sqlite3", "ssl", "subprocess", "threading", "time",
    "uuid", "uvloop",
}  # fmt: skip
IMPURE_CALLS = {("os", "urandom"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}

#: Files above 400 lines, each with the reason why it is still one thing.
LONG_LIMIT = 400
LONG: dict[str, str] = {
    "tests/lab/phones/pjsua_process.py": "one process that may import nothing of ours but itself",
}

#: Words that belong to where this was written and not to what was written.  Spelled in pieces, so
#: that this file does not contain them.
FOREIGN = re.compile(
    "|".join(
        [
            r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+)/",
            r"\b(?:iss" + r"ue|tick" + r"et)s? #?\d",
            r"\bcon" + r"tract\.md|\b(?:des" + r"ign|l" + r"ab|st" + r"yle)\.md",
            r"(?:py" + r"pi\.org|python" + r"hosted\.org|de" + r"b\.debian\.org)",
            r"\b(?:cla" + r"ude|chat" + r"gpt|anth" + r"ropic|open" + r"ai|copi" + r"lot)\b",
        ]
    ),
    re.IGNORECASE,
)
TEXT = {".py", ".pxd", ".md", ".toml", ".yaml", ".yml", ".xml", ".sh", ".conf", ".service", ""}
NOT_OURS = {".git", ".venv", ".hypothesis", "build", "dist", "results", "__pycache__", "torture"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def room(path: Path) -> str:
    """The folder of the house that a file or a dotted name belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "probes" if parts[0] == "probes" else parts[1]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def wrong_arrows(code: str, here: str, where: object) -> list[str]:
    """What a file of the folder ``here`` imports against the arrows."""
    allowed = set() if here == "__init__" else ARROWS[here] | {here}
    wrong = []
    for line, name in imported(ast.parse(code)):
        parts = name.split(".")
        if parts[0] == "probes":
            there = "probes"
        elif parts[0] == "sipfront" and len(parts) > 1 and parts[1] != "__version__":
            there = parts[1]
        else:
            continue
        if there not in allowed:
            wrong.append(f"{where}:{line}: {here} may not import {there} ({name})")
    return wrong


def impurities(code: str, where: object) -> list[str]:
    """What a file does that no pure file may do."""
    tree = ast.parse(code)
    wrong = [
        f"{where}:{line}: a pure folder imports {name}"
        for line, name in imported(tree)
        if name.split(".")[0] in IMPURE or name == "os.urandom"
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            wrong.append(f"{where}:{node.lineno}: async in a pure folder")
        elif isinstance(node, ast.Attribute):
            owner = node.value
            base = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (base, node.attr) in IMPURE_CALLS:
                wrong.append(f"{where}:{node.lineno}: {base}.{node.attr} in a pure folder")
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"open", "print"}:
            wrong.append(f"{where}:{node.lineno}: open or print in a pure folder")
    return wrong


def test_imports_go_one_way() -> None:
    wrong: list[str] = []
    for path in sources("sipfront", "probes"):
        wrong += wrong_arrows(path.read_text(), room(path), path.relative_to(ROOT))
    assert wrong == []


def test_pure_folders_are_pure() -> None:
    files = sources(*(f"sipfront/{folder}" for folder in sorted(PURE)))
    assert files
    wrong: list[str] = []
    for path in files:
        wrong += impurities(path.read_text(), path.relative_to(ROOT))
    assert wrong == []


def test_every_folder_is_installed() -> None:
    """Packages are named one by one in pyproject.toml: a new folder must be named there too."""
    named = (ROOT / "pyproject.toml").read_text()
    folders = {path.parent for path in sources("sipfront", "probes")}
    dotted = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert [name for name in sorted(dotted) if f'"{name}"' not in named] == []


def test_no_file_became_a_drawer() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources("sipfront", "probes", "bench", "tests")
    }
    long = {name: length for name, length in lengths.items() if length > LONG_LIMIT}
    asked = [f"{name} has {n} lines: split it, or say why not" for name, n in long.items()]
    assert [line for line in asked if line.split(" ")[0] not in LONG] == []
    stale = [name for name in LONG if name not in long]
    assert stale == [], "no longer long: take it off the list"


def texts() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in TEXT and path.is_file() and NOT_OURS.isdisjoint(path.parts):
            if path.name != "LICENSE" and not path.name.startswith(".cover"):
                yield path


def test_nothing_tells_where_it_was_written() -> None:
    wrong = []
    for path in texts():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if found := FOREIGN.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {found.group(0)}")
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import time\n", "imports time"),
        ("from os import urandom\n", "os.urandom"),
        ("import os\nx = os.urandom(4)\n", "os.urandom"),
        ("import datetime\nx = datetime.datetime.now()\n", "datetime.now"),
        ("async def f() -> None: ...\n", "async"),
        ("print(1)\n", "print"),
    ],
)
def test_an_impurity_is_seen(code: str, complaint: str) -> None:
    assert any(complaint in line for line in impurities(code, "here"))


def test_a_wrong_arrow_is_seen() -> None:
    assert wrong_arrows("from sipfront.stack import route\n", "sip", "here")
    assert wrong_arrows("import probes.options\n", "stack", "here")
    assert wrong_arrows("from sipfront import control\n", "stack", "here")
    assert wrong_arrows("from sipfront import __version__\n", "stack", "here") == []
    assert wrong_arrows("from sipfront.sip import uri\n", "stack", "here") == []
