from __future__ import annotations

import shutil
import subprocess

import pytest

from sipfront.cli import main, man
from sipfront.cli.main import make_parser
from sipfront.cli.tree import verbs

PAGE = man.page(make_parser())


def test_everything_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    assert capsys.readouterr().out == PAGE
    for verb in verbs(make_parser()):
        assert f".SS {verb.name}" in PAGE
        for option in verb.options:
            for flag in option.flags:
                assert flag == "-h" or flag == "--help" or flag.replace("-", "\\-") in PAGE
    assert "$SIPFRONT_CONFIG" in PAGE


def test_no_line_of_text_is_a_command() -> None:
    known = (".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", ".B ", ".I ")
    for line in PAGE.splitlines():
        assert not line.startswith((".", "'")) or line.startswith(known), line


def test_troff_has_no_complaint() -> None:
    assert shutil.which("groff"), "there is no groff: .ci/prepare test"
    command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(
        command, input=PAGE, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
