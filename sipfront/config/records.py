"""``records``: how many call records are kept, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sipfront.config.kinds import between
from sipfront.config.section import Section
from sipfront.config.values import Duration


class CallRecords(Section):
    """Call records: one for each call that passed the front, in a file beside the store."""

    keep: int = Field(
        100_000, ge=0, le=100_000_000, description="calls that are kept at most; 0: none"
    )
    age: Annotated[Duration, between(60, 3650 * 86400)] = Field(
        90 * 86400.0, description="a call is forgotten when it is older than this"
    )
