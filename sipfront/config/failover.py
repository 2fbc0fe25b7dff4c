"""``failover``: when roles change, and in which hours the preferred node may have its role back."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from sipfront.config.kinds import between
from sipfront.config.section import Section
from sipfront.config.values import Duration

if TYPE_CHECKING:
    from datetime import tzinfo

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
_DAY = 24 * 60


def _minutes(value: Any) -> Any:
    """A time of day in minutes; YAML itself reads ``12:30`` without quotes as 750."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _DAY:
        return value
    found = _CLOCK.match(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a time of day such as "02:00"')
    return int(found[1]) * 60 + int(found[2])


Clock = Annotated[
    int, BeforeValidator(_minutes), WithJsonSchema({"type": "string", "examples": ["02:00"]})
]


class Window(Section):
    """Hours of the week."""

    days: tuple[Day, ...] = Field(DAYS, description="the days on which it begins")
    from_: Clock = Field(alias="from", description='when it opens, such as "02:00"')
    to: Clock = Field(description="when it closes; earlier than from: on the next day")
    zone: str | None = Field(
        None, description="the time zone, such as Europe/Berlin; default: the machine's own"
    )

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                text = f"{value!r} is no time zone that this machine knows (package tzdata)"
                raise ValueError(text) from None
        return value

    def open_at(self, wall: float) -> bool:
        """Is it open at this time (seconds since the epoch of Unix)?

        By the clock on the wall there: on the two days a year when that jumps, so does the window.
        """
        zone: tzinfo | None = ZoneInfo(self.zone) if self.zone else None
        at = datetime.fromtimestamp(wall, zone)
        minute = at.hour * 60 + at.minute
        today, yesterday = at, at - timedelta(days=1)
        if self.from_ < self.to:
            return self._on(today) and self.from_ <= minute < self.to
        return (self._on(today) and minute >= self.from_) or (
            self._on(yesterday) and minute < self.to
        )

    def _on(self, day: datetime) -> bool:
        return DAYS[day.weekday()] in self.days


class Failover(Section):
    """When roles change."""

    failback: Literal["manual", "never", "window"] = Field(
        "manual",
        description="manual: only by `sipfront switchover`; never: only by failover; "
        "window: by itself to the first node while window is open",
    )
    window: Window | None = Field(
        None, description='failback: window: when, {from: "02:00", to: "04:00", days, zone}'
    )
    hold_down: Annotated[Duration, between(0, 86400)] = Field(
        120.0, description="between two voluntary changes of role"
    )
    max_per_hour: int = Field(4, ge=1, le=1000, description="voluntary changes of role an hour")
    park: Annotated[Duration, between(0.1, 30)] = Field(
        3.0, description="requests are held so long at most while roles are being decided"
    )
    patience: Annotated[Duration, between(0.2, 30)] = Field(
        0.8, description="silence of a node that is suspected before roles change"
    )
    rescue_after: Annotated[Duration, between(0.2, 120)] = Field(
        5.0, description="silence of a node after which its established calls are given up"
    )
    hedge: bool = Field(
        True, description="send an INVITE also to the standby when its node is silent"
    )
