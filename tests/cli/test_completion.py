"""The shells themselves are asked what Tab would offer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sipfront.cli import completion, main
from sipfront.cli.main import make_parser
from sipfront.cli.tree import verbs
from tests.pages import environment, script, tools

TREE = verbs(make_parser())


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A folder with two files, and a `sipfront` that knows two nodes."""
    folder = tools(tmp_path)
    script(folder / "sipfront", 'test "$*" = "completion nodes" && printf "pbx-a\\npbx-b\\n"')
    (tmp_path / "front.yaml").touch()
    (tmp_path / "my file.yaml").touch()
    return tmp_path


def shell(command: list[str], folder: Path) -> list[str]:
    env = environment(folder / "bin", HOME=str(folder))
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def by_bash(folder: Path, *words: str) -> list[str]:
    text = completion.bash(TREE)
    quoted = " ".join(f"'{word}'" for word in ("sipfront", *words))
    text += f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _sipfront\n"
    text += 'printf "%s\\n" "${COMPREPLY[@]}"'
    return shell(["bash", "-c", text], folder)


def by_fish(folder: Path, *words: str) -> list[str]:
    (folder / "it.fish").write_text(completion.fish(TREE))
    line = " ".join(("sipfront", *words))
    found = shell(["fish", "-c", f"source it.fish; complete -C '{line}'"], folder)
    return [one.partition("\t")[0].replace("\\ ", " ") for one in found]


SHELLS = [by_bash, by_fish]


@pytest.mark.parametrize("ask", SHELLS)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("dr",), {"drain"}),
        (("status", "--j"), {"--json"}),
        (("drain", "p"), {"pbx-a", "pbx-b"}),
        (("switchover", "pbx-b", "--for"), {"--force"}),
        (("check", "fr"), {"front.yaml"}),
        (("status", "--config", "my"), {"my file.yaml"}),
        (("demo", "--plant", "re"), {"refuse"}),
        (("status", "--url", "p"), set()),
    ],
)
def test_tab_offers(ask: object, words: tuple[str, ...], offered: set[str], where: Path) -> None:
    assert set(ask(where, *words)) - {""} == offered  # type: ignore[operator]


def test_all_verbs_are_offered(where: Path) -> None:
    assert {verb.name for verb in TREE} <= set(by_bash(where, ""))


def test_zsh_takes_the_function(where: Path) -> None:
    folder = where / "functions"
    folder.mkdir()
    (folder / "_sipfront").write_text(completion.zsh(TREE))
    load = "fpath=(functions $fpath); autoload -Uz compinit; compinit -D -u; "
    ask = "autoload +X _sipfront; print -r -- ${_comps[sipfront]}; functions _sipfront"
    found = shell(["zsh", "-fc", load + ask], where)
    assert found[0] == "_sipfront"
    assert any("_sipfront_nodes" in line for line in found)


def test_nodes_are_silent_when_no_front_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIPFRONT_CONFIG", str(tmp_path / "nothing.yaml"))
    assert main(["completion", "nodes"]) == 0
    assert capsys.readouterr() == ("\n", "")
