"""The helper as a file of its own: the standard library is all that it needs."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys

from sipfront.runtime.errands import HELPER


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse(HELPER.read_text())
    names = [
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_it_answers_in_lines_and_ends_with_the_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = [sys.executable, "-I", "-S", str(HELPER), str(os.getpid())]
        with subprocess.Popen(words, stdin=theirs.fileno()) as process:
            theirs.close()
            order = {"id": 7, "words": ["echo", "hello"], "timeout": 10}
            ours.sendall(json.dumps(order).encode() + b"\n")
            ours.settimeout(20)
            answer = json.loads(ours.makefile().readline())
            assert (answer["id"], answer["code"], answer["output"]) == (7, 0, "hello\n")
            ours.shutdown(socket.SHUT_RDWR)
            assert process.wait(20) == 0


def test_it_does_not_start_for_a_parent_that_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HELPER), "1"],
        stdin=subprocess.DEVNULL,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0
