"""``trunks``: carriers and other SIP peers outside that are known by configuration."""

from __future__ import annotations

import stat
from ipaddress import ip_network
from pathlib import Path  # noqa: TC003 - pydantic reads it at run time
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from sipfront.config.kinds import FilePath, between
from sipfront.config.section import Section
from sipfront.config.values import (
    Duration,
    HostText,
    Name,
    Network,
    NetworkValue,
    Peer,
)

#: A file of credentials has a few lines.
MAX_FILE = 65_536


class TrunkCredentials(Section):
    """The account that the front registers at a trunk."""

    user: str = Field(
        description="the user part of the account's address", pattern=r"^[^\s@<>:;,\"]{1,64}$"
    )
    password: str = Field(min_length=1, repr=False, description="its password")
    login: str | None = Field(None, description="the user name in the digest; default: user")
    domain: HostText | None = Field(
        None, description="the domain of the account's address; default: the host in uri"
    )
    expiry: Annotated[Duration, between(60, 86400)] = Field(
        600.0, description="for how long the carrier is asked to register the front"
    )

    @field_validator("user", "login", "password", mode="before")
    @classmethod
    def _digits(cls, value: object) -> object:
        """A number without quotes is meant as it is written."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Trunk(Section):
    """A SIP peer outside that is known by configuration."""

    name: Name = Field(description="how the nodes choose it (X-Sipfront-Trunk) and logs call it")
    uri: Peer = Field(description="its SIP address; a name is looked up (SRV, A, AAAA)")
    sources: tuple[NetworkValue, ...] = Field(
        (), description="the networks its calls come from; default: the address in uri"
    )
    match: tuple[HostText, ...] = Field(
        (), description="further hosts that mean this trunk when a node calls or registers there"
    )
    register_: Literal["none", "node", "front"] = Field(
        "none",
        alias="register",
        description="none: the carrier knows the front by its address; node: both PBXs register "
        "there, the active one's REGISTER is passed; front: the front registers itself",
    )
    credentials: TrunkCredentials | None = Field(
        None, description="the account, with register: front: user, password and what differs"
    )
    credentials_file: FilePath | None = Field(
        None, description="a YAML file with the same keys that others may not read, instead"
    )
    two_early_dialogs: bool = Field(
        True,
        description="false: it gets lost when a ringing call goes on under a second To-tag",
    )

    @property
    def networks(self) -> tuple[Network, ...]:
        """Where its requests come from: ``sources``, or the address in ``uri``."""
        if self.sources or self.uri.is_name:
            return self.sources
        return (ip_network(self.uri.host),)

    def account(self) -> TrunkCredentials | None:
        """The credentials, from wherever they are; ValueError in words, never with a secret."""
        if self.register_ != "front":
            return None
        if self.credentials_file is not None:
            return read(self.credentials_file)
        return self.credentials


def read(path: Path) -> TrunkCredentials:
    """A file of credentials; raises ValueError with what is wrong with it."""
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            raise ValueError(f"{path} can be read by others: chmod o-rwx")
        with path.open("rb") as file:
            data = yaml.safe_load(file.read(MAX_FILE))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ValueError(f"{path} is not YAML") from None
    try:
        return TrunkCredentials.model_validate(data)
    except ValidationError as error:
        what = ", ".join(
            f"{'.'.join(str(part) for part in found['loc']) or 'the file'}: {found['msg']}"
            for found in error.errors(include_url=False, include_input=False)
        )
        raise ValueError(f"{path}: {what}") from None
