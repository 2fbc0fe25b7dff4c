"""The JSON Schema of the configuration, for editors: made from the model, never written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.config.model import Config, Inside, Listen
from sipfront.config.section import Section

if TYPE_CHECKING:
    from pydantic import BaseModel


def schema() -> dict[str, Any]:
    """The schema, with defaults as they are written in the file."""
    made = Config.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "sipfront configuration"
    sections = {section.__name__: section for section in _sections(Section)}
    for name, definition in made.get("$defs", {}).items():
        _tidy(definition, sections[name])
    _tidy(made, Config)
    for short in (Listen, Inside):
        # The short form is one URI.
        long = made["$defs"][short.__name__]
        text = dict(long["properties"]["at" if short is Listen else "local"])
        made["$defs"][short.__name__] = {
            "description": long.pop("description"),
            "anyOf": [{key: text[key] for key in ("type", "pattern", "examples")}, long],
        }
    return made


def defaults(section: type[BaseModel]) -> dict[str, Any]:
    """The defaults of a section as they are written; keys that must be given are left out."""
    found = {}
    for name, field in section.model_fields.items():
        if not field.is_required():
            shown = section.model_construct(**{name: field.get_default()})
            dumped = shown.model_dump(mode="json", by_alias=True, include={name}, warnings=False)
            found[field.alias or name] = dumped[field.alias or name]
    return found


def _tidy(definition: dict[str, Any], section: type[BaseModel]) -> None:
    """Written defaults, and no titles that say the key once more."""
    written = defaults(section)
    for key, value in definition["properties"].items():
        value.pop("title", None)
        if "default" in value:
            value["default"] = written[key]


def _sections(parent: type[Section]) -> set[type[Section]]:
    found = set()
    for child in parent.__subclasses__():
        found |= {child} | _sections(child)
    return found
