"""A small configuration that is right, and how to say it with one thing changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from sipfront.config import Config, ConfigError, Problem, parse

RIGHT: dict[str, Any] = {
    "front": {"listen": ["udp://10.0.0.1:5060"], "inside": "udp://10.0.0.1:5062"},
    "nodes": [
        {"name": "pbx-a", "uri": "sip:10.0.0.11:5060"},
        {"name": "pbx-b", "uri": "sip:10.0.0.12:5060"},
    ],
}


def text(**changes: Any) -> str:
    """RIGHT as YAML with ``front__tls={...}`` and the like set."""
    data = copy.deepcopy(RIGHT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = data
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return yaml.safe_dump(data, sort_keys=False)


def config(**changes: Any) -> Config:
    return parse(text(**changes), "x.yaml", Path("/etc"), Path("/state"))[0]


def problems(source: str) -> list[str]:
    """Everything that is said about a text, errors and warnings."""
    try:
        found: tuple[Problem, ...] = parse(source, "x.yaml", Path("/etc"), Path("/state"))[1]
    except ConfigError as error:
        found = error.problems
    return [str(problem) for problem in found]


def said(**changes: Any) -> list[str]:
    """The same without the place."""
    return [line.split(": ", 1)[1] for line in problems(text(**changes))]
