"""The sample says every key with its default, and nothing that is not so."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sipfront.config import load
from sipfront.config.model import Config, Front, Inside, Listen, Node
from sipfront.config.peers import PeerRule
from sipfront.config.schema import defaults, schema
from sipfront.config.section import Section
from sipfront.config.trunks import Trunk

FOLDER = Path(__file__).resolve().parent.parent.parent / "config"
SAMPLE = FOLDER / "sipfront.yaml"
#: What has no default, or whose default is an empty list: the sample shows an example there.
EXAMPLES: dict[type[Section], Any] = {
    Listen: lambda data: data["front"]["listen"][1],
    Inside: lambda data: data["front"]["inside"],
    Node: lambda data: data["nodes"][0],
    Trunk: lambda data: data["trunks"][0],
}


def sections() -> list[tuple[type[Section], tuple[str, ...]]]:
    """All sections that stand at a fixed place, and where."""
    found: list[tuple[type[Section], tuple[str, ...]]] = []

    def walk(section: type[Section], path: tuple[str, ...]) -> None:
        found.append((section, path))
        for name, field in section.model_fields.items():
            its = field.annotation
            if isinstance(its, type) and issubclass(its, Section) and its is not Inside:
                walk(its, (*path, name))

    walk(Config, ())
    return found


def written(path: tuple[str, ...]) -> dict[str, Any]:
    data = yaml.safe_load(SAMPLE.read_text())
    for part in path:
        data = data[part]
    assert isinstance(data, dict)
    return data


def keys(section: type[Section]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def test_it_is_right_and_without_a_warning() -> None:
    config, warnings = load(SAMPLE)
    assert warnings == ()
    assert all(listen.at.host.startswith("127.") for listen in config.front.listen)
    assert all(node.uri.host.startswith("127.") for node in config.nodes)


@pytest.mark.parametrize(("section", "path"), sections())
def test_it_has_every_key_in_the_order_of_the_model(
    section: type[Section], path: tuple[str, ...]
) -> None:
    assert list(written(path)) == keys(section)


@pytest.mark.parametrize("section", EXAMPLES)
def test_the_examples_have_every_key(section: type[Section]) -> None:
    example = EXAMPLES[section](written(()))
    assert list(example) == keys(section)
    own = {key: value for key, value in example.items() if key in defaults(section)}
    assert own == defaults(section)


def test_the_exceptions_in_the_comment_are_right() -> None:
    """An entry of ``peers`` has no defaults to show: it stands there as a comment, with every key."""
    _, _, rest = SAMPLE.read_text().partition("# Exceptions")
    lines = itertools.takewhile(lambda line: line.startswith("#"), rest.splitlines()[1:])
    (entry,) = yaml.safe_load("\n".join(line.removeprefix("#") for line in lines))
    assert list(entry) == keys(PeerRule)
    PeerRule.model_validate(entry)


@pytest.mark.parametrize(("section", "path"), sections())
def test_it_has_the_defaults(section: type[Section], path: tuple[str, ...]) -> None:
    by_hand = {"trunks"}  # an example stands there
    for key, default in defaults(section).items():
        if key not in by_hand and not isinstance(default, dict):
            shown = normal(section, key, written(path)[key])
            assert shown == normal(section, key, default), key


def normal(section: type[Section], key: str, value: Any) -> Any:
    """The value as the model understands it (60s and 1m are one)."""
    if section in (Config, Front):  # they cannot stand without what has no default
        return value
    return getattr(section.model_validate({key: value}), key)


def test_the_schema_has_the_same_keys() -> None:
    definitions = schema()["$defs"]
    for section, path in sections():
        definition = schema() if section is Config else definitions[section.__name__]
        assert list(definition["properties"]) == list(written(path))


def test_every_key_has_a_line_of_meaning() -> None:
    """Beside it, or above it where it opens a section."""
    lines = SAMPLE.read_text().splitlines()
    bare = [
        line.strip()
        for above, line in itertools.pairwise(lines)
        if re.match(r"\s*(- )?[a-z_]+:( |$)", line)
        and "#" not in line
        and not above.strip().startswith("#")
    ]
    assert bare == ["front:", "- at: tcp://127.0.0.10:5060", "options:"]
