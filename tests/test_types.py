"""The types of the compiled build name what is there: a .pxd and its .py change together.

Cython says so too, but only where the compiled build is made; this says it at once.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TYPED = sorted((ROOT / "sipfront").rglob("*.pxd"))

_CLASS = re.compile(r"^cdef class (\w+)")
_FUNCTION = re.compile(r"^\s*cp?def\s+(?:[\w.]+\s+)?(\w+)\((.*)\)")
_FIELDS = re.compile(r"^    cdef ([\w ]+[\w, ]*)$")


def declared(path: Path) -> tuple[dict[str, dict[str, int]], dict[str, set[str]], list[str]]:
    """Class ("" for the module) -> function -> parameters; class -> fields; and the classes that
    have a base class, whose fields may stand there."""
    functions: dict[str, dict[str, int]] = {"": {}}
    fields: dict[str, set[str]] = {}
    based = []
    inside = ""
    for line in path.read_text().splitlines():
        if found := _CLASS.match(line):
            inside = found[1]
            functions[inside], fields[inside] = {}, set()
            if "(" in line:
                based.append(inside)
        elif found := _FUNCTION.match(line):
            owner = inside if line.startswith(" ") else ""
            functions[owner][found[1]] = len([one for one in found[2].split(",") if one.strip()])
        elif inside and (found := _FIELDS.match(line)):
            fields[inside].update(one.split()[-1] for one in found[1].split(","))
    return functions, fields, based


def arguments(node: ast.FunctionDef) -> int:
    """How many parameters a function has."""
    return len(node.args.args) + len(node.args.kwonlyargs)


@pytest.mark.parametrize("path", TYPED, ids=lambda path: path.stem)
def test_what_is_typed_is_there(path: Path) -> None:
    tree = ast.parse(path.with_suffix(".py").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    there = {
        owner: {node.name: arguments(node) for node in body if isinstance(node, ast.FunctionDef)}
        for owner, body in [("", tree.body), *((name, one.body) for name, one in classes.items())]
    }
    functions, fields, based = declared(path)
    for owner, typed in functions.items():
        assert typed.items() <= there[owner].items(), f"{path.stem}.{owner}"
    for owner, names in fields.items():
        init = [n for n in classes[owner].body if isinstance(n, ast.FunctionDef)]
        made = {
            node.attr
            for one in init
            for node in ast.walk(one)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        }
        if owner in based:
            assert names <= made, f"{path.stem}.{owner}"
        else:
            assert names == made, f"{path.stem}.{owner}"
