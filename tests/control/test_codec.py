from __future__ import annotations

import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.control.codec import decode, encode
from sipfront.control.decision import Action, Decision, Mode, Standing
from sipfront.control.evidence import Answered, Checked
from sipfront.control.settings import Hook, Probe, Settings
from sipfront.control.verdict import State

PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(
    PLAIN | st.sampled_from([*State, *Standing, *Mode, Action.MOVE]),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_there_and_back_through_json(value: object) -> None:
    assert decode(json.loads(json.dumps(encode(value), allow_nan=False))) == value


def test_the_types_of_control_come_back_as_themselves() -> None:
    settings = Settings(
        nodes=("a", "b"), probes=(Probe("p", "call"),), hooks=(Hook("fence", required=True),)
    )
    for value in (
        settings,
        Decision(Action.STAY, "stay", "because"),
        Answered(0, 1, 200, 1.0, 1.1),
        Checked(1, "p", "call", None, "busy", 0.1, 2.0),
        deque([1.0, float("-inf")]),
    ):
        back = decode(json.loads(json.dumps(encode(value), allow_nan=False)))
        assert back == value
        assert type(back) is type(value)


def test_what_is_no_value_of_control_is_refused() -> None:
    with pytest.raises(TypeError, match="no value of control"):
        encode(object())
    with pytest.raises(ValueError, match="not known"):
        decode({"type": "Popen", "fields": {}})
    with pytest.raises(ValueError, match="not understood"):
        decode({"what": "ever"})
