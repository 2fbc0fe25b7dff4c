from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipfront.config.tree import MAX_OCTETS, Place, read


def complaints(text: str | bytes) -> list[str]:
    return [str(problem) for problem in read(text, "x")._asdict()["problems"]]


def test_scalars_stay_what_was_written() -> None:
    tree = read("{a: 010, b: no, c: 1:30, d: 2026-01-31, e: '', f: , g: null, h: 'null'}", "x")
    assert tree.data == {
        "a": "010",
        "b": "no",
        "c": "1:30",
        "d": "2026-01-31",
        "e": "",
        "f": None,
        "g": None,
        "h": "null",
    }
    assert tree.problems == ()


def test_places() -> None:
    tree = read("a:\n  - b: 1\n    c:\n  - d\n", "x")
    assert tree.values["a", 0, "b"] == Place(2, 8)
    assert tree.keys["a", 0, "b"] == Place(2, 5)
    assert tree.place(("a", 0, "c")) == Place(3, 5)  # nothing stands there: its key does
    assert tree.place(("a", 1)) == Place(4, 5)
    assert tree.place(("a", 0, "nowhere", "at all")) == Place(2, 5)
    assert tree.place(("a", 0, "b"), key=True) == Place(2, 5)


def test_duplicates_are_all_told() -> None:
    assert complaints("a: 1\nb: {c: 1, c: 2}\na: 3\n") == [
        "x:2:11: b.c: stands here twice (first in line 2)",
        "x:3:1: a: stands here twice (first in line 1)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x:1:1: is empty"),
        ("# nothing\n", "x:1:1: is empty"),
        ("a: [1\n", "x:2:1: is not YAML: "),
        ("a:\n\t- 1\n", "x:2:1: is not YAML: a tab"),
        ("a: 1\n--- \nb: 1\n", "x:2:1: is not YAML: expected a single document"),
        ("a: *b\n", "x:1:4: is not YAML: "),
        ("a: !!python/object:os.system x\n", "x:1:4: a: the tag"),
        ("a: !secret x\n", "x:1:4: a: the tag !secret is not understood"),
        ("? [a]\n: 1\n", "x:1:3: a key must be a word"),
        ("? \n: 1\n", "x:1:2: a key must be a word"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "x:2:5: c.<<: merge keys"),
        ("a: \x00\n", "x:1:1: is not YAML text"),
        (b"a: 1\nb: \xff\n", "x:2:1: is not YAML text"),
        ("a: &x [*x]\n", "nested too deeply"),
        ("[" * 3000, "nested too deeply"),
        ("#" * (MAX_OCTETS + 1), "x:1:1: is larger than"),
    ],
)
def test_what_cannot_be_read(text: str | bytes, said: str) -> None:
    assert said in complaints(text)[0]


def test_a_bomb_of_aliases_ends() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "nested too deeply" in complaints("\n".join(lines))[0]


@settings(deadline=None)
@given(st.text("ab:-[]{}&*!|>'\"%@,#? \n\t", max_size=60) | st.text(max_size=30))
def test_any_text_ends_in_data_or_problems(text: str) -> None:
    tree = read(text, "x")
    assert tree.data is not None or tree.problems or text.strip()
    assert all(problem.line >= 1 and problem.column >= 1 for problem in tree.problems)
