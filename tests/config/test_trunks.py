"""Trunks that register: where the credentials are, and who may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.config.load import load, parse
from sipfront.config.trunks import read
from tests.config.build import said, text

GOOD = "user: 4930123456\npassword: secret word\nlogin: trunk-7\nexpiry: 5m\n"


def private(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def trunk(name: str = "a", uri: str = "sip:192.0.2.1", **more: object) -> dict[str, object]:
    return {"name": name, "uri": uri, **more}


def test_a_file_of_credentials(tmp_path: Path) -> None:
    made = read(private(tmp_path / "carrier.yaml", GOOD))
    assert (made.user, made.password, made.login) == ("4930123456", "secret word", "trunk-7")
    assert made.expiry == 300.0
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (GOOD, 0o644, "can be read by others: chmod o-rwx"),
        (GOOD, 0o602, "can be read by others"),
        ("user: [", 0o600, "is not YAML"),
        ("user: x", 0o600, "password: Field required"),
        ("user: x\npassword: y\nrealm: z", 0o600, "realm: Extra inputs"),
        ("user: 'a b'\npassword: y", 0o600, "user: "),
        ("- 1", 0o600, "the file: "),
        ("", 0o600, "the file: "),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, mode: int, why: str) -> None:
    path = private(tmp_path / "carrier.yaml", content, mode)
    with pytest.raises(ValueError, match=r"carrier\.yaml") as refused:
        read(path)
    assert why in str(refused.value)
    assert "secret word" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read(tmp_path / "none")


def test_credentials_here_or_there(tmp_path: Path) -> None:
    private(tmp_path / "carrier.yaml", GOOD)
    one = trunk(register="front", credentials_file="carrier.yaml")
    config, found = parse(text(trunks=[one]), "x.yaml", tmp_path)
    assert not found
    made = config.trunks[0].account()
    assert made is not None
    assert made.user == "4930123456"
    assert said(trunks=[trunk(register="node")]) == []
    assert said(trunks=[trunk(register="front", credentials={"user": "x", "password": "y"})]) == []


@pytest.mark.parametrize(
    ("trunks", "what"),
    [
        ([trunk(register="front")], "trunks[0].register: needs credentials or credentials_file"),
        (
            [trunk(register="front", credentials_file="/nowhere")],
            "trunks[0].credentials_file: /nowhere cannot be read",
        ),
        (
            [
                trunk(
                    register="front",
                    credentials={"user": "x", "password": "y"},
                    credentials_file="/nowhere",
                )
            ],
            "trunks[0].credentials_file: credentials stand here too",
        ),
        (
            [trunk(register="node", credentials={"user": "x", "password": "y"})],
            "warning: trunks[0].credentials: has no effect with register: node",
        ),
        (
            [trunk(register="front", credentials={"user": "x"})],
            "trunks[0].credentials.password: is missing",
        ),
        (
            [trunk(register="node"), trunk("b", "sip:192.0.2.1:5080", sources=["192.0.2.9"])],
            "warning: trunks[1].uri: 192.0.2.1 is a too: say in match which REGISTER is whose",
        ),
        (
            [trunk(match=["c.example"]), trunk("b", "sip:192.0.2.2", match=["C.example"])],
            "trunks[1].match[0]: c.example means a already",
        ),
        ([trunk(match=["10.0.0.11"])], "trunks[0].match[0]: 10.0.0.11 is this system itself"),
        ([trunk(match=["a b"])], "trunks[0].match[0]: 'a b' is neither"),
        ([trunk(register="both")], "trunks[0].register: must be 'none', 'node' or 'front'"),
    ],
)
def test_what_is_wrong(trunks: list[dict[str, object]], what: str) -> None:
    lines = said(trunks=trunks)
    assert any(line.startswith(what) for line in lines), lines


def test_a_password_in_a_file_for_everybody_is_a_warning(tmp_path: Path) -> None:
    one = trunk(register="front", credentials={"user": "x", "password": "y"})
    path = private(tmp_path / "sipfront.yaml", text(trunks=[one]), 0o644)
    (warning,) = load(path)[1]
    assert "can be read by others" in str(warning)
    path.chmod(0o640)
    assert load(path)[1] == ()
