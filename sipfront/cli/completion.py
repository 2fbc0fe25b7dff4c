"""``sipfront completion``: what the Tab key knows, for bash, zsh and fish.

Made from the same tree as the help.  The names of nodes are asked of the running front by the
scripts themselves (``sipfront completion nodes``); when none answers there are none.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed, Usage
from sipfront.cli.tree import Option, Verb, verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FINE = 0
#: The last is what the scripts ask.
SHELLS = ("bash", "zsh", "fish", "nodes")
ABOUT = """\
Print what makes the Tab key complete verbs, options, and the names of nodes.
"""


def add(parser: argparse.ArgumentParser, whole: argparse.ArgumentParser) -> None:
    """The argument; ``whole`` is the parser of the command."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.set_defaults(whole=whole)


def run(args: argparse.Namespace) -> int:
    """``sipfront completion SHELL``."""
    if args.shell == "nodes":
        print("\n".join(_nodes()))
        return FINE
    made: dict[str, Callable[[list[Verb]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
    print(made[args.shell](verbs(args.whole)), end="")
    return FINE


def _nodes() -> list[str]:
    """The names of the nodes of the running front; none when none answers."""
    where = argparse.Namespace(config=None, url=None, token_file=None)
    try:
        answer = Client(where).get("/api/v1/status")
    except (Failed, Usage):
        return []
    return [str(node.get("name")) for node in answer.get("nodes", []) if isinstance(node, dict)]


def _flags(verb: Verb) -> list[str]:
    return [flag for option in verb.flagged for flag in option.flags]


def _taking(verb: Verb, fits: Callable[[Option], bool]) -> list[str]:
    """The flags whose value is of a kind."""
    return [flag for option in verb.flagged if fits(option) for flag in option.flags]


def bash(tree: Iterable[Verb]) -> str:
    """The script for bash."""
    tree = list(tree)
    names = [verb.name for verb in tree]
    cases = []
    for verb in tree:
        words = _flags(verb)
        lines = [f'    words="{" ".join(words)}"']
        for option in verb.flagged:
            pattern = "|".join(option.flags)
            if option.choices:
                what = f'words="{" ".join(option.choices)}"'
            elif option.is_file:
                what = "files=1 words="
            elif option.name:
                what = "words="
            else:
                continue
            lines.append(f'    case "$previous" in {pattern}) {what} ;; esac')
        more = [
            f'    [[ $current == -* ]] || words="$words {" ".join(p.choices)}"'
            for p in verb.positionals
            if p.choices
        ]
        if any(option.is_file for option in verb.positionals):
            more.append("    [[ $current == -* ]] || files=1")
        if any(option.is_node for option in verb.positionals):
            more.append(
                '    [[ $current == -* ]] || words="$words $(sipfront completion nodes 2>/dev/null)"'
            )
        cases.append("\n".join([f"  {verb.name})", *lines, *more, "    ;;"]))
    return f"""\
# sipfront(1) for bash: eval "$(sipfront completion bash)"
_sipfront() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" verb="" words="" files=0 word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in {"|".join(names)}) verb="$word"; break ;; esac
  done
  case "$verb" in
  "") words="{" ".join(names)} --help --version" ;;
{chr(10).join(cases)}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [ "$files" = 1 ]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
  fi
}}
complete -F _sipfront sipfront
"""


def _zsh_word(text: str) -> str:
    """Inside single quotes and _arguments' brackets."""
    for char in "[]:":
        text = text.replace(char, f"\\{char}")
    return text.replace("'", "'\\''")


def _zsh_value(option: Option) -> str:
    """``:message:action`` of _arguments."""
    name = _zsh_word(option.name.lower())
    if option.choices:
        return f":{name}:({' '.join(option.choices)})"
    if option.is_file:
        return f":{name}:_files"
    if option.is_node:
        return f":{name}:_sipfront_nodes"
    return f":{name}: "


def zsh(tree: Iterable[Verb]) -> str:
    """The function for zsh."""
    tree = list(tree)
    listed = "\n".join(f"    '{verb.name}:{_zsh_word(verb.help)}'" for verb in tree)
    cases = []
    for verb in tree:
        specs = []
        for option in verb.flagged:
            value = _zsh_value(option) if option.name else ""
            specs += [f"'{flag}[{_zsh_word(option.help)}]{value}'" for flag in option.flags]
        for place, option in enumerate(verb.positionals, 1):
            optional = "" if option.needed else ":"
            specs.append(f"'{place}{optional}{_zsh_value(option)}'")
        cases.append(f"    {verb.name}) _arguments {' '.join(specs)} ;;")
    return f"""\
#compdef sipfront
# sipfront(1) for zsh: sipfront completion zsh > a folder of $fpath/_sipfront
_sipfront_nodes() {{
  local -a nodes
  nodes=(${{(f)"$(sipfront completion nodes 2>/dev/null)"}})
  compadd -a nodes
}}
_sipfront() {{
  local -a verbs
  verbs=(
{listed}
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{chr(10).join(cases)}
  esac
}}
if [ "$funcstack[1]" = _sipfront ]; then _sipfront "$@"; else compdef _sipfront sipfront; fi
"""


def fish(tree: Iterable[Verb]) -> str:
    """The lines for fish."""
    tree = list(tree)
    lines = [
        "# sipfront(1) for fish: sipfront completion fish > ~/.config/fish/completions/sipfront.fish",
        "complete -c sipfront -f",
        "complete -c sipfront -n __fish_use_subcommand -l help -l version",
    ]
    for verb in tree:
        lines.append(
            f"complete -c sipfront -n __fish_use_subcommand -a {verb.name} -d {shlex.quote(verb.help)}"
        )
        seen = f"complete -c sipfront -n '__fish_seen_subcommand_from {verb.name}'"
        for option in verb.flagged:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                for flag in option.flags
            )
            value = ""
            if option.choices:
                value = f" -x -a {shlex.quote(' '.join(option.choices))}"
            elif option.is_file:
                value = " -r -F"
            elif option.name:
                value = " -x"
            lines.append(f"{seen} {flags}{value} -d {shlex.quote(option.help)}")
        for option in verb.positionals:
            if option.choices:
                lines.append(f"{seen} -a {shlex.quote(' '.join(option.choices))}")
            elif option.is_file:
                lines.append(f"{seen} -F")
            elif option.is_node:
                lines.append(f"{seen} -a '(sipfront completion nodes 2>/dev/null)'")
    return "\n".join(lines) + "\n"
