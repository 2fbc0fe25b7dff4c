"""A file to a :class:`~sipfront.config.model.Config`, or every error in it at its line.

The runtime needs one line: ``config, warnings = load(path)``.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from sipfront.config import later
from sipfront.config.checks import checks
from sipfront.config.model import Config
from sipfront.config.problem import ConfigError, Finding, Location, Problem, dotted
from sipfront.config.tree import Tree, read

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def state_folder() -> Path:
    """Where state is kept: what systemd gives, else the system's or the user's own folder."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/sipfront")
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "sipfront"


def load(path: str | Path) -> tuple[Config, tuple[Problem, ...]]:
    """Read, validate and check a file; the warnings stand beside the values.

    :raises ConfigError: with every error (and warning) of the file.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise ConfigError((Problem(str(path), 1, 1, "", why),)) from None
    config, problems = parse(text, str(path), path.resolve().parent)
    if any(trunk.credentials for trunk in config.trunks) and path.stat().st_mode & stat.S_IROTH:
        why = "holds a password and can be read by others: chmod o-r, or use credentials_file"
        problems = (Problem(str(path), 1, 1, "trunks", why, warning=True), *problems)
    return config, problems


def parse(
    text: str | bytes, file: str = "<text>", folder: Path | None = None, state: Path | None = None
) -> tuple[Config, tuple[Problem, ...]]:
    """As :func:`load`, for text; files in it count from ``folder``, state from ``state``."""
    tree = read(text, file)
    problems = list(tree.problems)
    config: Config | None = None
    context = {"base": folder or Path.cwd(), "state": state or state_folder()}
    broken: set[Location] = {_location(problem, tree) for problem in problems}
    if tree.data is not None:
        config, errors = _validate(tree.data, context)
        problems += [_problem(tree, file, error) for error in errors]
        if errors:
            broken |= {tuple(error["loc"]) for error in errors}
            config = _salvage(tree.data, errors, context)
    if config is not None:
        problems += [
            _finding(tree, file, finding)
            for finding in checks(config)
            if not any(_touches(location, finding.reads) for location in broken)
        ]
    problems = list(dict.fromkeys(problems))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    if config is None or any(not problem.warning for problem in problems):
        raise ConfigError(tuple(problems))
    return config, tuple(problems)


def _location(problem: Problem, tree: Tree) -> Location:
    return next((where for where in tree.values if dotted(where) == problem.key), ())


def _touches(location: Location, reads: tuple[Location, ...]) -> bool:
    """Is what is broken a part of what a check has read, or the other way round."""
    return any(
        all(mine == its for mine, its in zip(location, read_, strict=False)) for read_ in reads
    )


def _validate(data: Any, context: dict[str, Any]) -> tuple[Config | None, list[ErrorDetails]]:
    try:
        return Config.model_validate(data, context=context), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _salvage(data: Any, errors: list[ErrorDetails], context: dict[str, Any]) -> Config | None:
    """What is left without the broken values, so that the checks can say more in the same run."""
    for _ in range(4):
        for error in errors:
            data = _without(data, tuple(error["loc"]), missing=error["type"] == "missing")
        config, errors = _validate(data, context)
        if config is not None or not data:
            return config
    return None


def _without(data: Any, location: Location, *, missing: bool) -> Any:
    """``data`` without the value there; without its parent when something is missing in it."""
    if missing:
        location = location[:-1]
    if not location:
        return None
    head, rest = location[0], location[1:]
    if isinstance(data, dict) and head in data:
        kept = {key: value for key, value in data.items() if key != head}
        if rest and isinstance(data[head], dict | list):
            kept[str(head)] = _without(data[head], rest, missing=False)
        return kept
    if isinstance(data, list) and isinstance(head, int) and head < len(data):
        # None keeps the indices of the others; an element that is None is dropped by nobody, so
        # a list with one that is broken falls as a whole where it cannot stand.
        return data[:head] + data[head + 1 :]
    return data


def _finding(tree: Tree, file: str, finding: Finding) -> Problem:
    place = tree.place(finding.location)
    return Problem(
        file, place.line, place.column, dotted(finding.location), finding.text, finding.warning
    )


def _problem(tree: Tree, file: str, error: ErrorDetails) -> Problem:
    location = tuple(error["loc"])
    unknown = error["type"] == "extra_forbidden"
    place = tree.place(location, key=unknown)
    if error["type"] == "missing":
        place = tree.place(location[:-1])
    # The short forms (`inside: udp://...`) have no key of their own in the file.
    shown = location
    while shown and shown not in tree.values and error["type"] != "missing":
        shown = shown[:-1]
    return Problem(file, place.line, place.column, dotted(shown), _sentence(error, location))


def _sentence(error: ErrorDetails, location: Location) -> str:
    """Pydantic's error in our words."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _unknown(location)
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}"
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "string_type":
            return "must be a text"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping (key: value)"
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "path_type":
            return "must be a path"
        case _:
            return error["msg"]


def _unknown(location: Location) -> str:
    pattern = re.sub(r"\[\d+\]", "[]", dotted(location))
    if pattern in later.KEYS:
        return later.sentence("this key", later.KEYS[pattern])
    near = difflib.get_close_matches(str(location[-1]), _known(location[:-1]), 1)
    return "is not a key that is known here" + (f"; is it {near[0]}?" if near else "")


def _known(location: Location) -> list[str]:
    """The keys of the section at ``location``."""
    section: type[BaseModel] = Config
    for part in location:
        if isinstance(part, int):
            continue
        for name, field in section.model_fields.items():
            if (field.alias or name) == part:
                section = _section_in(field.annotation) or section
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section_in(argument)
        if found is not None:
            return found
    return None
