"""YAML to plain data, with the place of everything in it.

Scalars stay text: what a value means is decided by the model and not by YAML, so that ``112``,
``010`` and ``no`` are what somebody wrote.  Only an empty value or ``null`` becomes None.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sipfront.config.problem import Location, Problem, dotted

#: A configuration has at most a few hundred trunks; beyond this somebody gave us the wrong file.
MAX_OCTETS = 1 << 20
#: Deeper than any key of ours; ends an alias that contains itself.
MAX_DEPTH = 16
#: Values after all aliases are followed; ends a bomb of aliases.
MAX_VALUES = 100_000

_NULL = "tag:yaml.org,2002:null"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "bool", "timestamp")}


class Place(NamedTuple):
    """Where something stands, both counted from 1."""

    line: int
    column: int


class Tree(NamedTuple):
    """A file read: its data, and where keys and values stand."""

    data: Any
    values: dict[Location, Place]
    keys: dict[Location, Place]
    problems: tuple[Problem, ...]

    def place(self, location: Location, *, key: bool = False) -> Place:
        """The place of a value (or its key), or of the nearest thing around it that is there."""
        if key and location in self.keys:
            return self.keys[location]
        while location and location not in self.values:
            location = location[:-1]
        # An empty value stands behind the colon, perhaps on the next line: its key says more.
        return self.values.get(location, Place(1, 1))


def read(text: str | bytes, file: str) -> Tree:
    """Read one YAML document; everything wrong with it is in ``problems``."""
    walk = _Walk(file)
    try:
        if len(text) > MAX_OCTETS:
            walk.report(Place(1, 1), (), f"is larger than {MAX_OCTETS} octets")
            return walk.tree(None)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        walk.report(_mark(error.problem_mark or error.context_mark), (), _why(error))
        return walk.tree(None)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = (before.count(b"\n") if isinstance(before, bytes) else before.count("\n")) + 1
        walk.report(Place(line, 1), (), f"is not YAML text: {error.reason}")
        return walk.tree(None)
    except RecursionError:
        walk.report(Place(1, 1), (), "is nested too deeply")
        return walk.tree(None)
    if root is None:
        walk.report(Place(1, 1), (), "is empty")
        return walk.tree(None)
    return walk.tree(walk.value(root, ()))


def _mark(mark: Any) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _why(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    text = ", ".join(parts) or "cannot be read"
    if "'\\t'" in text:
        text = "a tab: YAML is indented by blanks only"
    return f"is not YAML: {text}"


class _Walk:
    """The walk over PyYAML's nodes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Location, Place] = {}
        self.keys: dict[Location, Place] = {}
        self.problems: list[Problem] = []
        self.count = 0

    def tree(self, data: Any) -> Tree:
        return Tree(data, self.values, self.keys, tuple(self.problems))

    def report(self, place: Place, location: Location, text: str) -> None:
        self.problems.append(Problem(self.file, place.line, place.column, dotted(location), text))

    def value(self, node: Node, location: Location) -> Any:
        place = _mark(node.start_mark)
        self.values[location] = place
        self.count += 1
        if len(location) > MAX_DEPTH or self.count > MAX_VALUES:
            if self.count <= MAX_VALUES + 1:
                self.report(place, location[:MAX_DEPTH], "is nested too deeply")
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self.value(child, (*location, n)) for n, child in enumerate(node.value)]
        return self.scalar(node, location)

    def scalar(self, node: Node, location: Location) -> str | None:
        if node.tag == _NULL:
            if location in self.keys:
                self.values[location] = self.keys[location]
            return None
        if not isinstance(node, ScalarNode) or node.tag not in _PLAIN_TAGS:
            self.report(_mark(node.start_mark), location, f"the tag {node.tag} is not understood")
            return None
        return str(node.value)

    def mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _mark(key_node.start_mark)
            if not isinstance(key_node, ScalarNode) or key_node.tag == _NULL:
                self.report(place, location, "a key must be a word")
                continue
            key = str(key_node.value)
            here = (*location, key)
            if key_node.tag == "tag:yaml.org,2002:merge":
                self.report(place, here, "merge keys (<<) are not understood: write it out")
                continue
            if key in data:
                first = self.keys[here].line
                self.report(place, here, f"stands here twice (first in line {first})")
                continue
            self.keys[here] = place
            data[key] = self.value(value_node, here)
        return data
