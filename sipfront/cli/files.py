"""The verbs that read a configuration: ``run`` and ``check``; and ``version``."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
from typing import TYPE_CHECKING

from sipfront import __version__
from sipfront.cli.errors import Usage

if TYPE_CHECKING:
    import argparse

    from sipfront.config import Config, Problem

FINE, USAGE = 0, 2


def run(args: argparse.Namespace) -> int:
    """``sipfront run FILE``."""
    from sipfront.config import ConfigError, load

    try:
        config, warnings = load(args.file)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    for warning in warnings:
        print(warning, file=sys.stderr)
    # Imported late: `check` and `status` need no sockets, no loop and no compiled engine.
    from sipfront.admin import serve
    from sipfront.runtime import app
    from sipfront.runtime.errors import StartupError

    try:
        return app.run(config, path=args.file, admin=serve.start)
    except StartupError as error:
        raise Usage(str(error)) from None


def check(args: argparse.Namespace) -> int:
    """``sipfront check [FILE] [--schema] [--json]``."""
    from sipfront.config import ConfigError, load, schema

    if args.schema:
        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return FINE
    if args.file is None:
        raise Usage("check needs the configuration file (or --schema)")
    config: Config | None = None
    problems: tuple[Problem, ...]
    try:
        config, problems = load(args.file)
    except ConfigError as error:
        problems = error.problems
    if args.json:
        told = {
            "file": args.file,
            "fine": config is not None,
            "problems": [problem._asdict() for problem in problems],
        }
        print(json.dumps(told, indent=2))
    else:
        for problem in problems:
            print(problem)
        print(_summary(args.file, config, problems), file=sys.stderr)
    return USAGE if config is None else FINE


def _summary(file: str, config: Config | None, problems: tuple[Problem, ...]) -> str:
    warnings = sum(problem.warning for problem in problems)
    also = f", {_count(warnings, 'warning')}" if warnings else ""
    if config is None:
        return f"{file}: {_count(len(problems) - warnings, 'error')}{also}"
    nodes = " and ".join(node.name for node in config.nodes)
    listeners = _count(len(config.front.listen), "listener")
    return f"{file}: fine ({listeners}, nodes {nodes}, {_count(len(config.trunks), 'trunk')}){also}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def version(args: argparse.Namespace) -> int:
    """``sipfront version``."""
    build = _build()
    if args.json:
        python = sys.version.partition(" ")[0]
        print(json.dumps({"version": __version__, "build": build, "python": python}))
    else:
        print(f"sipfront {__version__} ({build})")
    return FINE


def _build() -> str:
    """Is the hot path compiled: the scanner is the module that every message passes first."""
    found = importlib.util.find_spec("sipfront.sip.message")
    origin = (found.origin or "") if found else ""
    compiled = origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    return "compiled" if compiled else "interpreted"
