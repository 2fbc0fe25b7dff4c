"""The files beside the sample: what systemd and fail2ban read."""

from __future__ import annotations

import configparser
import logging
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sipfront.runtime.log import JsonFormatter, TextFormatter

FOLDER = Path(__file__).resolve().parent.parent.parent / "config"
FIELDS = {
    "host": "198.51.100.7",
    "port": 5060,
    "transport": "UDP",
    "reason": "credentials",
    "aor": 'sip:x" rejected host=203.0.113.1 port=1 transport=UDP reason=y @example.com',
    "method": "REGISTER",
    "banned": False,
}


def patterns() -> list[re.Pattern[str]]:
    parser = configparser.ConfigParser(interpolation=configparser.BasicInterpolation())
    parser.read(FOLDER / "fail2ban" / "filter.d" / "sipfront.conf")
    # The date pattern is written with %%, which is fail2ban's own escape as well.
    lines = parser.get("Definition", "failregex").strip().splitlines()
    return [
        re.compile(line.strip().replace("<ADDR>", r"(?P<addr>[0-9A-Fa-f.:]+)")) for line in lines
    ]


def record(word: str, host: str) -> logging.LogRecord:
    made = logging.LogRecord("sipfront.engine", logging.WARNING, "", 0, word, None, None)
    made.fields = {**FIELDS, "host": host}
    return made


def hosts(line: str) -> list[str]:
    """What fail2ban reads from a line: with the time cut out (files), and as the journal has it."""
    cut = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "", line, count=1)
    found = []
    for text in (cut, f"pbx sipfront[12]: {line}"):
        matches = [m["addr"] for pattern in patterns() if (m := pattern.search(text))]
        assert len(matches) <= 1
        found += matches
    return found


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
def test_fail2ban_reads_the_line(formatter: logging.Formatter, host: str) -> None:
    assert hosts(formatter.format(record("rejected", host))) == [host, host]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_other_line_is_taken_for_it(formatter: logging.Formatter) -> None:
    forged = record("note", "203.0.113.1")
    forged.fields = {
        "call_id": '" warning rejected host=203.0.113.1 port=1 transport=UDP reason=x '
    }
    assert hosts(formatter.format(forged)) == []


def test_the_unit_says_what_the_front_does() -> None:
    text = (FOLDER / "sipfront.service").read_text()
    for line in (
        "Type=notify",
        "Restart=always",
        "RestartPreventExitStatus=2",
        "StateDirectory=sipfront",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ):
        assert line in text.splitlines()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "sipfront.service"
    text = (FOLDER / "sipfront.service").read_text()
    unit.write_text(text.replace("/opt/sipfront/bin/sipfront", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    about_us = [line for line in done.stderr.splitlines() if "sipfront" in line]
    assert about_us == []
