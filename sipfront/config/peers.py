"""``peers``: exceptions for what is known about some telephones or carriers, and not about others.

One entry names whom it is about (``networks``, ``user_agent``, or both) and what is different with
them.  A key that an entry leaves out says nothing; of the entries that fit and say something about
a key, the first one counts.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Annotated

from pydantic import Field, model_validator

from sipfront.config.kinds import between
from sipfront.config.section import Section
from sipfront.config.values import Duration, NetworkValue


class PeerRule(Section):
    """One exception."""

    networks: tuple[NetworkValue, ...] = Field(
        (), description="whom it is about: those in these networks"
    )
    user_agent: str | None = Field(
        None,
        description="whom it is about: those whose User-Agent is like this; * any text, ? any letter",
        min_length=1,
    )
    phone_expiry: Annotated[Duration, between(20, 86400)] | None = Field(
        None, description="the longest expiry that they are told, as in registrations"
    )
    two_early_dialogs: bool | None = Field(
        None,
        description="false: they get lost when a ringing call goes on under a second To-tag",
    )

    @model_validator(mode="after")
    def _about_somebody(self) -> PeerRule:
        if not self.networks and self.user_agent is None:
            raise ValueError("says of nobody whom it is about: give networks, user_agent or both")
        return self

    @property
    def agent_pattern(self) -> re.Pattern[bytes] | None:
        """``user_agent`` as an expression over the header's octets, capitals and small alike."""
        if self.user_agent is None:
            return None
        return re.compile(fnmatch.translate(self.user_agent).encode(), re.IGNORECASE)
