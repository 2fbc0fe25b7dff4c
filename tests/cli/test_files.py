from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import yaml

from sipfront.cli import main
from tests.config.build import text


def written(folder: Path, source: str) -> str:
    file = folder / "x.yaml"
    file.write_text(source)
    return str(file)


def test_check_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, text())
    assert main(["check", file]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{file}: fine (1 listener, nodes pbx-a and pbx-b, 0 trunks)\n"


def test_check_warns_and_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, text(front__advertise="198.41.0.4"))
    assert main(["check", file]) == 0
    out, err = capsys.readouterr()
    assert "warning: nodes[0].uri: audio cannot work" in out
    assert err.endswith(", 2 warnings\n")


def test_check_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, text(keys=[], log={"colour": "red"}))
    assert main(["check", file]) == 2
    out, err = capsys.readouterr()
    assert [line.startswith(f"{file}:") for line in out.splitlines()] == [True, True]
    assert err == f"{file}: 2 errors\n"
    assert main(["run", file]) == 2
    assert out == capsys.readouterr().err


def test_check_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, text(keys=[]))
    assert main(["check", "--json", file]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["fine"] is False
    problem = told["problems"][0]
    assert problem.pop("file") == file
    assert problem == {
        "line": 10,
        "column": 7,
        "key": "keys",
        "text": "must be a path",
        "warning": False,
    }


@pytest.mark.parametrize("verb", ["check", "run"])
def test_no_file(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, str(tmp_path / "nowhere.yaml")]) == 2
    out, err = capsys.readouterr()
    assert "nowhere.yaml:1:1: cannot be read: No such file or directory" in out + err


def test_check_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert capsys.readouterr().err == "sipfront: check needs the configuration file (or --schema)\n"
    assert main(["check", "--json"]) == 2
    assert "error" in json.loads(capsys.readouterr().out)


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "sipfront configuration"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("sipfront ")
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["build"] in {"compiled", "interpreted"}


def test_run_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        data = yaml.safe_load(text())
        data["front"] = {"listen": [f"udp://127.0.0.1:{port}"], "inside": "udp://127.0.0.1:1062"}
        data["nodes"] = [
            {"name": "a", "uri": "sip:127.0.0.1:1063"},
            {"name": "b", "uri": "sip:127.0.0.1:1064"},
        ]
        assert main(["run", written(tmp_path, yaml.safe_dump(data))]) == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("sipfront: ")
    assert "in use" in err
    assert "Traceback" not in err
