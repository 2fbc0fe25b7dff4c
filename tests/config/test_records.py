from __future__ import annotations

import pytest
from pydantic import ValidationError

from sipfront.config.records import CallRecords


def test_defaults_and_bounds() -> None:
    assert (CallRecords().keep, CallRecords().age) == (100_000, 90 * 86400)
    assert CallRecords.model_validate({"keep": 0, "age": "2h"}).age == 7200
    for wrong in ({"keep": -1}, {"age": "1s"}, {"age": "11y"}, {"days": 3}):
        with pytest.raises(ValidationError):
            CallRecords.model_validate(wrong)
