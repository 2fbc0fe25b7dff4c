"""What each verb looks like in use: the examples that `--help` and the manual page end with.

A verb without an example is not finished; a test says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

#: Verb -> (command, what it is good for).
EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "run": (("sipfront run /etc/sipfront/sipfront.yaml", "what systemd does"),),
    "check": (
        ("sipfront check /etc/sipfront/sipfront.yaml", "before every reload and restart"),
        ("sipfront check --schema > sipfront.schema.json", "for an editor that knows YAML schemas"),
    ),
    "version": (("sipfront version --json", "which build is it: compiled or interpreted"),),
    "status": (
        ("sipfront status", "the first thing to look at"),
        ("sipfront status --json | jq .redundant", "for a script"),
        ("watch -n1 sipfront status", "while working on a node"),
    ),
    "bindings": (
        ("sipfront bindings", "every phone that is known"),
        ("sipfront bindings 1001", "where is extension 1001"),
    ),
    "calls": (
        ("sipfront calls", "who is talking, and by which node; who talked last"),
        ("sipfront calls --node pbx-a", "what draining waits for"),
        ("sipfront calls --last 100000 --csv > calls.csv", "all that is written down"),
        ("sipfront calls --last 500 --since 1h --jsonl", "one JSON object a line, for programs"),
    ),
    "trace": (
        (
            "sipfront trace 8f3a-41@10.1.1.7",
            "a call as a diagram, by a Call-ID of the log or of `calls`",
        ),
        ("sipfront trace 1001 --text", "the newest calls of extension 1001, every message in full"),
        ("sipfront trace 1001 --follow", "what phone 1001 says, as it says it"),
        ("sipfront trace 1001 --pcap 1001.pcap", "for Wireshark; in clear, also what went by TLS"),
    ),
    "history": (
        ("sipfront history", "everything that the front remembers"),
        ("sipfront history --limit 20", "the last minutes"),
    ),
    "explain": (
        ("sipfront explain", "why the roles are as they are"),
        ("sipfront explain 7", "why the seventh change of role was made"),
        ("sipfront explain --why-not pbx-b", "what pbx-b needs to become active"),
        ("sipfront explain --what-if pbx-a=down", "would the pair survive it at this moment"),
        ("sipfront explain 7 --save failover.json", "the change with all that it came from"),
    ),
    "top": (
        ("sipfront top", "stand beside it while a node is worked on; q ends it"),
        ("sipfront top --once", "one picture, for a mail or a log"),
    ),
    "replay": (
        ("sipfront replay failover.json", "decide it again, anywhere, and compare"),
        ("sipfront replay failover.json --set patience=2", "what if it had waited for longer"),
    ),
    "switchover": (
        ("sipfront switchover", "the other node becomes active; calls that are up stay"),
        ("sipfront switchover pbx-b --force", "even if it is not known to be ready"),
    ),
    "drain": (
        ("sipfront drain pbx-a", "before an update of pbx-a"),
        ("sipfront drain pbx-a --wait --force-after 10m", "and go on when it is empty"),
    ),
    "maintenance": (("sipfront maintenance pbx-a", "and nobody is woken up by it"),),
    "resume": (("sipfront resume pbx-a", "after the update: it is the standby again"),),
    "demo": (
        ("sipfront demo", "a pair with calls; the keys are in the last line"),
        ("sipfront demo --script --faults kill,freeze", "the same without a terminal, and judged"),
    ),
    "completion": (
        ('eval "$(sipfront completion bash)"', "for this shell, or as a line of ~/.bashrc"),
        ("sipfront completion zsh > ~/.zfunc/_sipfront", "a folder of $fpath"),
        ("sipfront completion fish > ~/.config/fish/completions/sipfront.fish", "for fish"),
    ),
    "man": (("sipfront man | man -l -", "read it; the package installs it as sipfront(1)"),),
}


def teach(verbs: Mapping[str, argparse.ArgumentParser]) -> None:
    """Put the examples at the end of each verb's help."""
    for name, parser in verbs.items():
        shown = EXAMPLES.get(name, ())
        if not shown:
            continue
        width = max(len(command) for command, _ in shown)
        lines = [f"  {command:<{width}}   {what}" for command, what in shown]
        word = "example" if len(shown) == 1 else "examples"
        parts = [f"{word}:\n" + "\n".join(lines), parser.epilog or ""]
        parser.epilog = "\n\n".join(part for part in parts if part)
