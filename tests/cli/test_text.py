from __future__ import annotations

import pytest

from sipfront.cli.text import age, held, plain, table


def test_no_value_moves_the_cursor() -> None:
    assert plain("a\x1b[2Jb\n") == "a?[2Jb?"
    assert (plain(None), plain(""), plain(True), plain(False)) == ("-", "-", "yes", "no")
    assert len(plain("x" * 600)) == 503


def test_what_is_no_list_of_mappings_is_nothing() -> None:
    assert held({"a": [{"b": 1}, None, 3]}, "a") == [{"b": 1}]
    assert held({}, "a") == []


def test_columns() -> None:
    assert table([("a", "b"), ("long", "x")]) == ["a     b", "long  x"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.2 s"), (90, "1.5 min"), (7200, "2.0 h"), (172800, "2.0 d"), ("soon", "soon")],
)
def test_ages(seconds: object, said: str) -> None:
    assert age(seconds) == said
