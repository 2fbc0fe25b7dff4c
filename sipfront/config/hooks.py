"""``hooks``: what is run or called around a change of role."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from sipfront.config.kinds import FilePath, between
from sipfront.config.section import Section
from sipfront.config.values import Duration

Words = Annotated[
    tuple[str, ...],
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]


def words(value: Any) -> Any:
    """A command is a list of words: no shell reads it, so nothing in it has to be quoted."""
    if isinstance(value, str):
        raise ValueError("is a list of words, such as [/usr/local/bin/fence, --hard]: no shell")
    if isinstance(value, list | tuple) and (not value or not str(value[0]).strip()):
        raise ValueError("needs the program to be run")
    return value


class Hook(Section):
    """One hook: a command or a webhook."""

    command: Words | None = Field(None, description="the program and its arguments; no shell")
    url: str | None = Field(None, description="or a webhook: POSTed JSON, 2xx is success")
    token_file: FilePath | None = Field(
        None, description="webhook: its first line is sent as Authorization: Bearer"
    )
    timeout: Annotated[Duration, between(0.05, 300)] = Field(
        2.0, description="it has ended within this time, retries and all; later is a failure"
    )
    retries: int = Field(1, ge=0, le=10, description="tries after a failed one, while time is left")
    required: bool = Field(
        False, description="true: the change waits for it, and is given up when it fails"
    )

    _words = field_validator("command", mode="before")(words)

    @field_validator("url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("must be http://HOST/... or https://HOST/...")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Hook:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either command or url")
        if self.token_file is not None and self.url is None:
            raise ValueError("token_file is for webhooks (url)")
        return self


class Hooks(Section):
    """What is run around a change of role.  Those that are left out do not exist."""

    fence: Hook | None = Field(
        None, description="make sure that the node that is left in distress does nothing any more"
    )
    promote: Hook | None = Field(None, description="the node is about to become active")
    demote: Hook | None = Field(None, description="the node was active and is to serve as standby")
    notify: Hook | None = Field(None, description="tell people; nobody waits for it")
