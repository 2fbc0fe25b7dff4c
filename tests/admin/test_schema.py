from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.admin.schema import (
    Schema,
    array,
    boolean,
    integer,
    mapping,
    maybe,
    number,
    problem,
    record,
    text,
)

BODY = record(
    {
        "to": maybe(text(enum=["a", "b"])),
        "force": boolean(),
        "count": integer(minimum=1, maximum=9),
        "share": number(minimum=0),
        "name": text(minLength=1, maxLength=3, pattern="^[a-z]*$"),
        "many": array(integer(), maxItems=2),
    },
    optional=("force", "count", "share", "name", "many"),
    closed=True,
)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "the body must be a JSON object"),
        ({}, "to is missing"),
        ({"to": 3}, "to must be text or null"),
        ({"to": "c"}, "to must be one of a, b, None"),
        ({"to": None, "x\xff": 1}, "'x\\\\xff' is not understood here, only count, force, many"),
        ({"to": "a", "force": 1}, "force must be true or false"),
        ({"to": "a", "count": True}, "count must be a whole number"),
        ({"to": "a", "count": 10}, "count must be a number from 1 to 9"),
        ({"to": "a", "share": -0.5}, "share must be a number of at least 0"),
        ({"to": "a", "name": "abcd"}, "name is longer than 3 characters"),
        ({"to": "a", "name": ""}, "name is shorter than 1 characters"),
        ({"to": "a", "name": "A"}, "name is not written as it must be"),
        ({"to": "a", "many": [1, "x"]}, "many[] must be a whole number"),
        ({"to": "a", "many": [1, 2, 3]}, "many has more than 2 members"),
    ],
)
def test_what_is_wrong_is_a_sentence(body: Any, sentence: str) -> None:
    found = problem(BODY, body, "the body")
    assert found is not None
    assert found.startswith(sentence)


def test_what_is_right_is_silent() -> None:
    assert problem(BODY, {"to": None, "count": 3, "many": [1]}, "the body") is None
    assert problem(mapping(integer()), {"any": 1}, "it") is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-20, 20)
    | st.floats(-5, 20)
    | st.text("abcA", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["to", "force", "count", "name", "many", "x"]), inner)
    ),
    max_leaves=6,
)
SCHEMAS: list[Schema] = [BODY, *BODY["properties"].values()]


@given(st.sampled_from(SCHEMAS), JSON)
def test_it_means_the_same_as_json_schema(schema: Schema, value: Any) -> None:
    assert (problem(schema, value, "it") is None) == jsonschema_rs.is_valid(schema, value)
