"""``registrations``: what phones are told, and how the standby knows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sipfront.config.kinds import between
from sipfront.config.later import later
from sipfront.config.section import Section
from sipfront.config.values import Duration


class Registrations(Section):
    """Registrations of phones."""

    phone_expiry: Annotated[Duration, between(20, 86400)] = Field(
        60.0, description="the longest expiry that phones are told"
    )
    lan_expiry: Annotated[Duration, between(20, 86400)] = Field(
        300.0,
        description="the same for phones over TCP or TLS, and in local_networks without NAT",
    )
    node_expiry: Annotated[Duration, between(120, 86400)] = Field(
        3600.0,
        description="what nodes are asked for; 10m at most where no credentials are known",
    )
    continuity: Annotated[
        Literal["static", "shared"], BeforeValidator(later("registrations.continuity"))
    ] = Field(
        "static",
        description="how the standby knows phones: static (permanent contacts at the front) "
        "or shared (one location database)",
    )
