from __future__ import annotations

import json
from typing import Any

from sipfront.config import Config, schema
from sipfront.config.schema import defaults


def test_it_is_json_and_closed() -> None:
    made = schema()
    assert json.loads(json.dumps(made)) == made
    long = [part for part in walk(made) if part.get("type") == "object"]
    assert len(long) >= 12
    assert all(part["additionalProperties"] is False for part in long)


def walk(part: Any) -> Any:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)


def test_every_key_says_what_it_means_and_shows_its_default_as_written() -> None:
    for definition in [schema(), *schema()["$defs"].values()]:
        for long in [definition, *definition.get("anyOf", [])]:
            for key, value in long.get("properties", {}).items():
                assert value.get("description"), key
    options = schema()["$defs"]["Options"]["properties"]
    assert options["interval"]["default"] == "500ms"
    assert schema()["$defs"]["Admin"]["properties"]["listen"]["default"] == "http://127.0.0.1:8060"


def test_short_forms() -> None:
    for name in ("Listen", "Inside"):
        assert [arm["type"] for arm in schema()["$defs"][name]["anyOf"]] == ["string", "object"]
    assert schema()["properties"]["nodes"]["minItems"] == 2


def test_defaults_are_written_ones() -> None:
    assert defaults(Config)["drain"] == {"max": "2h"}
    assert "front" not in defaults(Config)
