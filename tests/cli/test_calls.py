from __future__ import annotations

import csv
import io
import json
import time

import pytest

from sipfront.cli import main
from sipfront.cli.calls import COLUMNS, as_csv
from tests.cli.conftest import Front


def test_live_and_last(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", *front.where]) == 0
    live, _, over = capsys.readouterr().out.partition("\n\n")
    assert live.splitlines()[0].split()[:3] == ["state", "since", "caller"]
    assert len(live.splitlines()) == 4
    assert "a > b" in live
    assert len(over.splitlines()) == 11
    assert main(["calls", "--node", "nobody", "--limit", "1", *front.where]) == 0
    assert capsys.readouterr().out.startswith("no call is up\n\n")
    assert main(["calls", "--json", "--last", "2", *front.where]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (len(answer["live"]), len(answer["last"])) == (3, 2)
    front.pair.records = 0
    assert main(["calls", *front.where]) == 0
    assert "no call has ended yet" in capsys.readouterr().out


def test_legs(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--legs", *front.where]) == 0
    assert "pbx-a" in capsys.readouterr().out
    assert main(["calls", "--legs", "--node", "pbx-b", *front.where]) == 0
    assert capsys.readouterr().out == "no dialog is up\n"
    assert main(["calls", "--legs", "--json", *front.where]) == 0
    assert json.loads(capsys.readouterr().out)[0]["call"] == "c"


def test_all_pages_are_exported_oldest_first(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calls", "--last", "2200", "--jsonl", *front.where]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["n"] for line in lines] == list(range(301, 2501))
    assert main(["calls", "--csv", "--last", "9999", *front.where]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert (rows[0], len(rows)) == (COLUMNS, 2501)
    assert rows[1][1] == "1970-01-01T00:00:01.000Z"
    assert main(["calls", "--csv", *front.where]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1001


def test_since(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(2400))
    assert main(["calls", "--csv", "--since", at, *front.where]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 102
    assert main(["calls", "--csv", "--since", "1h", *front.where]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_name_is_no_formula() -> None:
    names = {
        "=cmd()": "'=cmd()",
        "@x": "'@x",
        "-1+1": "'-1+1",
        "+49123@example.com": "+49123@example.com",
        "+cmd": "'+cmd",
        "a\x1b[2J\nb": "a?[2J?b",
        'a"b': 'a"b',
    }
    text = "".join(as_csv({"caller": name} for name in names))
    at = COLUMNS.index("caller")
    assert [row[at] for row in list(csv.reader(io.StringIO(text)))[1:]] == list(names.values())


@pytest.mark.parametrize(
    "words",
    [
        ["--last", "0"],
        ["--last", "x"],
        ["--since", "yesterday"],
        ["--since", "99999-01-01"],
        ["--csv", "--jsonl"],
    ],
)
def test_what_cannot_be_asked(front: Front, words: list[str]) -> None:
    assert main(["calls", *words, *front.where]) == 2
