"""``registrations``: what phones are told, and how the standby knows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sipfront.config.kinds import FilePath, between
from sipfront.config.section import Section
from sipfront.config.values import Duration


class Source(Section):
    """Where credentials of phones are kept: a file, an Asterisk, a URL or a database."""

    file: FilePath | None = Field(
        None, description="a YAML file with a list: accounts (user, password or ha1)"
    )
    asterisk: FilePath | None = Field(
        None, description="a pjsip.conf with all that it includes, FreePBX's too"
    )
    url: str | None = Field(
        None, description="answers GET with JSON, a list of accounts", pattern=r"^https?://[^/\s]+"
    )
    token_file: FilePath | None = Field(None, description="the bearer token for url")
    database: str | None = Field(
        None, description="a PostgreSQL, as postgresql://...", pattern=r"^postgres(ql)?://\S+$"
    )
    query: str | None = Field(
        None, description="what is asked of database; columns named as the keys of an account"
    )
    every: Annotated[Duration, between(10, 86400)] = Field(
        300.0, description="how often url and database are asked again"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        places = [self.file, self.asterisk, self.url, self.database]
        if sum(place is not None for place in places) != 1:
            raise ValueError("names one place: file, asterisk, url or database")
        if (self.database is None) != (self.query is None):
            raise ValueError("database and query belong together")
        if self.token_file is not None and self.url is None:
            raise ValueError("token_file belongs to url")
        return self

    @property
    def asked(self) -> bool:
        """Whether it is asked again now and then; files are read at SIGHUP."""
        return self.url is not None or self.database is not None


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
    rate: float = Field(
        200.0, ge=1, le=10_000, description="REGISTERs a second that one node is sent at most"
    )
    continuity: Literal["static", "shared", "mirror", "nudge", "auto"] = Field(
        "static",
        description="how the standby knows phones: static (permanent contacts at the front), "
        "shared (one location database), mirror (the front registers them at both), nudge (they "
        "are made to come back), auto (mirror where credentials are known, else nudge)",
    )
    credentials: tuple[Source, ...] = Field(
        (), description="what the front registers phones with; the first source that knows one"
    )
