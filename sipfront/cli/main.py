"""The verbs, their options and their help; the work is in the modules beside it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from sipfront import __version__
from sipfront.cli import (
    calls,
    completion,
    decisions,
    demo,
    files,
    man,
    remote,
    top,
    trace,
    views,
    waiting,
)
from sipfront.cli.errors import Failed, Usage
from sipfront.cli.teach import teach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FINE, FAILED, USAGE = 0, 1, 2

_ABOUT = """\
sipfront is the fixed front door of a hot-standby pair of PBXs. Phones and trunks point at it for
ever; it sends them to whichever of the two nodes is active, and moves them when that one dies.
"""
_EXAMPLES = """\
a first look:
  sipfront demo                                a front, two PBXs, phones; kill one and watch

a first day:
  sipfront check /etc/sipfront/sipfront.yaml   is the configuration right? every error, with its line
  sipfront run /etc/sipfront/sipfront.yaml     start the front (systemd does this: sipfront.service)
  sipfront status                              who is active, is the pair redundant, and why
  sipfront drain pbx-a                         before work on a node: it keeps its calls, gets no new ones
  sipfront switchover pbx-b                    the other node becomes active; nobody notices
  sipfront resume pbx-a                        the node takes part again

exit codes: 0 fine, 1 the thing asked for failed, 2 bad usage or configuration
"""
_REMOTE = """\
The front is found by its admin address: --url, else the configuration given by --config or
$SIPFRONT_CONFIG, else /etc/sipfront/sipfront.yaml, else http://127.0.0.1:8060. Whatever changes
something needs the token: --token-file, else $SIPFRONT_TOKEN, else the token file of that
configuration (made by the front at its first start, readable by its owner only).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = make_parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as exit_:  # argparse has said why
        return int(exit_.code or 0)
    run: Callable[[argparse.Namespace], int] | None = getattr(args, "run", None)
    if run is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except Usage as error:
        _complain(args, str(error))
        return USAGE
    except Failed as error:
        _complain(args, str(error))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        # The reader (head, less) has gone; what is still buffered must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _complain(args: argparse.Namespace, text: str) -> None:
    if getattr(args, "json", False):
        print(json.dumps({"error": text}))
    else:
        print(f"sipfront: {text}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """All verbs; imports the standard library only."""
    parser = argparse.ArgumentParser(
        prog="sipfront",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sipfront {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    _file_verbs(verbs)
    _remote_verbs(verbs)
    demo.add(_verb(verbs, "demo", demo.run, "kill a PBX and watch that nobody notices", demo.ABOUT))
    about = "decide a stored failover again"
    decisions.add_replay(_verb(verbs, "replay", decisions.replay, about, decisions.REPLAY))
    tab = _verb(verbs, "completion", completion.run, "let the Tab key help", completion.ABOUT)
    completion.add(tab, parser)
    man.add(_verb(verbs, "man", man.run, "the manual page", man.ABOUT), parser)
    teach(verbs.choices)
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    help_: str,
    about: str,
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(
        name,
        help=help_,
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.set_defaults(run=run)
    return verb


def _file_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _verb(
        verbs,
        "run",
        files.run,
        "start the front",
        "Start the front in the foreground; it logs to stderr. SIGHUP reads certificates and\n"
        "configuration again, SIGTERM ends it without breaking a call.",
    )
    run.add_argument("file", help="the configuration")
    check = _verb(
        verbs,
        "check",
        files.check,
        "is a configuration right",
        "Read a configuration and print every error as `file:line:column: key: what is wrong`.\n"
        "Nothing is bound, nothing is sent. Warnings (audio that cannot work, say) do not fail.\n\n"
        "With --schema: print the JSON Schema, for editors and pipelines:\n"
        "  sipfront check --schema > sipfront.schema.json\n"
        "  # yaml-language-server: $schema=sipfront.schema.json   (first line of the file)",
    )
    check.add_argument("file", nargs="?", help="the configuration")
    check.add_argument("--schema", action="store_true", help="print the JSON Schema instead")
    check.add_argument("--json", action="store_true", help="print the problems as JSON")
    version = _verb(verbs, "version", files.version, "print the version", "Print the version.")
    version.add_argument("--json", action="store_true", help="as JSON, with the build")


def _remote_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = _verb(
        verbs,
        "status",
        remote.status,
        "who is active, and why",
        "Show the pair as the running front sees it. The first line says whether the pair is\n"
        "redundant (would a dead node be survived now), and because of what. Then each verdict about\n"
        "each node with what it rests on, and the last outcome of each probe. A line that begins\n"
        'with "degraded" is about the front itself: its store, its log, its probes and hooks.',
    )
    switchover = _verb(
        verbs,
        "switchover",
        remote.switchover,
        "make the other node the active one",
        "A planned change of role: old calls end on the old node, new ones start on the new one.\n"
        "Refused when the other node is not ready. Like every planned change it keeps\n"
        "failover.hold_down from the last change of role, and there are at most\n"
        "failover.max_per_hour; a node that is DOWN is left whatever they say. The refusal says\n"
        "which of these it was, and for how long; --force overrides them all.",
    )
    switchover.add_argument(
        "node", nargs="?", help="the node to become active (default: the other)"
    )
    switchover.add_argument(
        "--force",
        action="store_true",
        help="even if it is not known to be ready, or the last change is too young",
    )
    drain = _verb(
        verbs,
        "drain",
        remote.mode("drain"),
        "a node keeps its calls and gets nothing new",
        "Set a node's mode to drain: it keeps its dialogs, gets nothing new and is never a target.\n"
        "On the active node a switch-over comes first. With --wait: until it has none any more.",
    )
    maintenance = _verb(
        verbs,
        "maintenance",
        remote.mode("maintenance"),
        "a node is worked on",
        "Set a node's mode to maintenance: as drain, and nobody is alarmed about it.",
    )
    resume = _verb(
        verbs,
        "resume",
        remote.mode("in-service"),
        "a node takes part again",
        "Set a node's mode to in-service. It becomes the standby; it does not become active by this.",
    )
    for verb in (drain, maintenance, resume):
        verb.add_argument("node", help="the name of the node")
    for verb in (drain, maintenance):
        waiting.add(verb)
    looking = _looking_verbs(verbs)
    for verb in (status, *looking, switchover, drain, maintenance, resume):
        verb.epilog = _REMOTE
        where = verb.add_argument_group("the front")
        where.add_argument("-c", "--config", metavar="FILE", help="the front's configuration")
        where.add_argument("--url", help="its admin address, e.g. http://127.0.0.1:8060")
        where.add_argument("--token-file", metavar="FILE", help="the file with its token")
        verb.add_argument("--json", action="store_true", help="print the answer as JSON")


def _looking_verbs(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
) -> list[argparse.ArgumentParser]:
    bindings = _verb(
        verbs,
        "bindings",
        views.bindings,
        "the phones that are registered",
        "List the phones that are known: their real Contact, by which flow they are reached, and\n"
        "for how long, and which nodes have them. With an address-of-record or an extension: only\n"
        "those, in detail.",
    )
    bindings.add_argument("aor", nargs="?", help="an extension, or user@domain")
    bindings.add_argument("--watch", action="store_true", help="again every second, until ^C")
    up = _verb(verbs, "calls", calls.run, "the calls that are up, and the last ones", calls.ABOUT)
    calls.add(up)
    heard = _verb(verbs, "trace", trace.run, "what was said in a call, both sides", trace.ABOUT)
    trace.add(heard)
    history = _verb(
        verbs,
        "history",
        views.history,
        "what happened",
        "Print the newest events, oldest first: verdicts, decisions, alarms.",
    )
    explain = _verb(
        verbs,
        "explain",
        decisions.explain,
        "why the roles are as they are",
        decisions.EXPLAIN,
    )
    decisions.add_explain(explain)
    for verb in (bindings, up, history):
        most = 1000 if verb is history else 100
        verb.add_argument("--limit", type=_limit, default=most, help=f"so many at most ({most})")
    full = _verb(verbs, "top", top.run, "the pair, full-screen", top.ABOUT)
    top.add(full)
    return [bindings, up, heard, history, explain, full]


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1000):
        raise argparse.ArgumentTypeError("must be a number from 1 to 1000")
    return int(text)
