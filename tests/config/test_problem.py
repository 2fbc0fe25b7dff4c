from __future__ import annotations

from sipfront.config.problem import ConfigError, Problem, dotted


def test_places_in_words() -> None:
    assert dotted(("front", "listen", 0, "at")) == "front.listen[0].at"
    assert dotted(()) == ""


def test_a_problem_is_one_line() -> None:
    assert str(Problem("a.yaml", 3, 5, "keys", "is wrong")) == "a.yaml:3:5: keys: is wrong"
    assert str(Problem("a.yaml", 1, 1, "", "is empty", warning=True)) == (
        "a.yaml:1:1: warning: is empty"
    )
    assert str(Problem("a", 1, 1, "x\n\x1b[2J\u2028y", "z")) == "a:1:1: x\\n\\x1b[2J\\u2028y: z"


def test_an_error_says_all() -> None:
    problems = (Problem("a", 1, 1, "x", "y"), Problem("a", 2, 1, "z", "w"))
    assert str(ConfigError(problems)) == "a:1:1: x: y\na:2:1: z: w"
