"""``trace``: how much of what passed is remembered for ``sipfront trace``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sipfront.config.kinds import between
from sipfront.config.section import Section
from sipfront.config.values import Duration


class Trace(Section):
    """The newest messages, in memory: whichever bound is met first, the oldest go."""

    messages: int = Field(
        40_000, ge=0, le=10_000_000, description="messages that are remembered at most; 0: none"
    )
    megabytes: int = Field(32, ge=1, le=65_536, description="and so much of memory at most")
    age: Annotated[Duration, between(1, 86400)] = Field(
        900.0, description="and no message longer than this"
    )
