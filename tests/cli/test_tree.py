from __future__ import annotations

import argparse

from sipfront.cli.tree import Option, verbs


def test_what_is_read_of_a_parser() -> None:
    parser = argparse.ArgumentParser(prog="it")
    sub = parser.add_subparsers()
    verb = sub.add_parser("go", help="to go", description="Goes.", epilog="example:\n  it go")
    verb.add_argument("node", nargs="?", help="where to")
    verb.add_argument("-c", "--config", metavar="FILE", help="how, 100%%")
    verb.add_argument("--how", choices=["fast", "slow"], help="how fast")
    verb.add_argument("--now", action="store_true", help="at once")
    (read,) = verbs(parser)
    assert (read.name, read.help, read.about) == ("go", "to go", "Goes.")
    assert read.usage.startswith("it go [-h]")
    assert read.positionals == (Option((), "node", "where to", (), False),)
    assert read.positionals[0].is_node
    config, how, now = read.flagged[1:]
    assert (config.flags, config.is_file, config.help) == (("-c", "--config"), True, "how, 100%")
    assert how.choices == ("fast", "slow")
    assert now.name == ""
