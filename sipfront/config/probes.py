"""``probes``: what each node is asked beyond OPTIONS.

One entry is one question.  Which keys an entry may have depends on its kind (:data:`KEYS`); a key
that its kind does not read is an error, because it would be a lie.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from sipfront.config.hooks import Words, words
from sipfront.config.kinds import FilePath, between
from sipfront.config.section import Section
from sipfront.config.values import Duration, Name

Kind = Literal[
    "options", "register", "call", "tcp", "tls", "http", "ari", "ami", "esl", "sql", "command"
]
Asks = Literal["reachable", "register", "call", "ready"]

#: What an answer to each kind says something about, unless told otherwise.
QUESTION: Final[dict[str, Asks]] = {
    "options": "call",
    "register": "register",
    "call": "call",
    "tcp": "reachable",
}
_LOGIN = ("user", "password_file")
_TRUST = ("authorities", "verify")
#: The keys that each kind reads, beside those that all have.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "options": ("extension", *_TRUST),
    "register": (*_LOGIN, *_TRUST),
    "call": ("extension", *_LOGIN, "hear", "audio", "max_loss", *_TRUST),
    "tcp": ("host", "port"),
    "tls": ("host", "port", "days", "server_name", *_TRUST),
    "http": ("url", "expect", "contains", *_LOGIN, *_TRUST),
    "ari": ("url", *_LOGIN, *_TRUST),
    "ami": ("host", "port", *_LOGIN),
    "esl": ("host", "port", "password_file"),
    "sql": ("host", "port", "database_kind", "database", "role", "max_lag", *_LOGIN),
    "command": ("command",),
}
#: Those without which a kind cannot ask.
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "register": ("user", "password_file"),
    "call": ("extension",),
    "tcp": ("port",),
    "tls": ("port",),
    "http": ("url",),
    "ari": ("url", "user", "password_file"),
    "ami": ("user", "password_file"),
    "esl": ("password_file",),
    "sql": ("user",),
    "command": ("command",),
}
PORTS: Final = {"ami": 5038, "esl": 8021}
_HEAR = WithJsonSchema({"type": ["string", "integer"], "examples": ["echo", 1004]})


class Probe(Section):
    """One question."""

    probe: Kind = Field(description="what kind of question it is")
    name: Name | None = Field(None, description="how it is called; default: its kind")
    nodes: tuple[Name, ...] = Field((), description="who is asked; default: both nodes")
    question: Asks | None = Field(
        None, description="reachable, register, call or ready; default: what the kind proves"
    )
    required: bool = Field(True, description="false: its answer is shown and decides nothing")
    interval: Annotated[Duration, between(0.5, 86400)] = Field(
        5.0, description="from the beginning of one question to that of the next"
    )
    timeout: Annotated[Duration, between(0.05, 60)] = Field(
        2.0, description="an answer later than this is none"
    )
    rise: int = Field(2, ge=1, le=100, description="good answers in a row that count as good")
    fall: int = Field(2, ge=1, le=100, description="bad answers in a row that count as bad")
    extension: str | None = Field(None, description="whom to call or to ask for at the node")
    user: str | None = Field(None, description="the probe's account at the node")
    password_file: FilePath | None = Field(None, description="its first line is the password")
    hear: Annotated[Literal["echo"] | int, _HEAR] = Field(
        "echo", description="call: echo, or the hertz of the tone that is played"
    )
    audio: Annotated[Duration, between(0.2, 10)] = Field(
        0.6, description="call: how long is spoken and listened"
    )
    max_loss: float = Field(0.2, ge=0, lt=1, description="call: lost packets each way, 0 to 1")
    host: str = Field("{host}", description="whom to ask; {host} is the node's address")
    port: int | None = Field(None, ge=1, le=65535, description="its port")
    url: str | None = Field(None, description="http, ari: with {host} for the node's address")
    expect: tuple[int, ...] = Field((200,), description="http: statuses that are good")
    contains: str = Field("", description="http: what must stand in the answer")
    server_name: str | None = Field(None, description="tls: what the certificate must be for")
    days: float = Field(14, ge=0, description="tls: bad when the certificate ends sooner")
    authorities: FilePath | None = Field(
        None, description="PEM file of authorities instead of the system's"
    )
    verify: bool = Field(True, description="false: any certificate will do")
    database_kind: Literal["postgresql", "mariadb"] = Field(
        "postgresql", description="sql: what it is"
    )
    database: str = Field("", description="sql: the database; default: the user's own")
    role: Literal["any", "primary", "replica"] = Field("any", description="sql: what it must be")
    max_lag: Annotated[Duration, between(0, 86400)] = Field(
        10.0, description="sql: how far a replica may be behind"
    )
    command: Words | None = Field(
        None, description="program and arguments; exit code 0 or 1 good, 2 bad, else unknown"
    )

    _words = field_validator("command", mode="before")(words)

    @field_validator("hear", mode="before")
    @classmethod
    def _hertz(cls, value: Any) -> Any:
        # Checked here, because a union would put its arms into the place of the error.
        # A file's plain values are texts here.
        hertz = int(value) if isinstance(value, int) or str(value).isdigit() else 0
        if value == "echo" or 50 <= hertz <= 3900:
            return hertz or value
        raise ValueError("must be echo, or hertz from 50 to 3900")

    @model_validator(mode="after")
    def _fits(self) -> Probe:
        every = {key for keys in KEYS.values() for key in keys}
        for key in sorted(self.model_fields_set & every):
            if key not in KEYS[self.probe]:
                raise ValueError(f"{key} means nothing to {self.probe}: {_list(KEYS[self.probe])}")
        for key in NEEDS.get(self.probe, ()):
            if getattr(self, key) is None:
                raise ValueError(f"{self.probe} needs {key}")
        if (self.user is None) != (self.password_file is None) and self.probe not in ("esl", "sql"):
            raise ValueError("user and password_file belong together")
        return self

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or self.probe

    @property
    def asks(self) -> Asks:
        """The question that it answers."""
        return self.question or QUESTION.get(self.probe, "ready")


def _list(keys: tuple[str, ...]) -> str:
    return f"it reads {', '.join(keys)}"
