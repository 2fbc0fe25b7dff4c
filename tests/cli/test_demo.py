"""The options of `sipfront demo`; what it shows is tested with the demonstration itself."""

from __future__ import annotations

import pytest

from sipfront.cli.main import main


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rate", "0"], "--rate is from 0.1 to 50"),
        (["--network", "10.0.0"], "three octets of loopback"),
        (["--network", "127.0.0.1"], "three octets of loopback"),
        (["--faults", "kill,flood"], "--faults flood: there are kill, freeze"),
    ],
)
def test_bad_options_are_a_sentence(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_the_faults_are_those_of_the_script() -> None:
    from sipfront.cli import demo
    from sipfront.demo import script

    assert demo.FAULTS == script.FAULTS
