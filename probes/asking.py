"""From the words of a command line, or from a configuration, to one question that is asked.

:class:`Question` says all that any kind of probe may need; :func:`ask` takes from it what its kind
needs.  So both who types and who configures use the same words, and there is one place that knows
which probe wants what.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.ami import ami
from probes.call import AUDIO, MAX_LOSS, call
from probes.command import command
from probes.esl import esl
from probes.http import ari, http
from probes.options import judge, options
from probes.register import register
from probes.sql import MAX_LAG, Server, sql
from probes.target import Account
from probes.tcp import tcp
from probes.tls import DAYS, tls, trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from probes.command import Runner
    from probes.result import Result

#: All kinds of probes, from the shallow to the deep.
KINDS = (
    "options", "tcp", "tls", "http", "ari", "ami", "esl", "sql", "command", "register", "call",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to one node."""

    kind: str
    timeout: float
    #: options, register, call: the SIP URI
    target: str = ""
    #: tcp, tls, ami, esl, sql
    host: str = ""
    port: int = 0
    #: http, ari
    url: str = ""
    user: str | None = None
    password: str = field(default="", repr=False)
    #: the address to ask from
    local: str | None = None
    #: options: every answer is fine
    any_answer: bool = False
    hear: str | int = "echo"
    audio: float = AUDIO
    max_loss: float = MAX_LOSS
    expect: tuple[int, ...] = (200,)
    contains: str = ""
    #: tls: what the certificate must be for
    name: str | None = None
    days: float = DAYS
    authorities: Path | None = None
    verify: bool = True
    #: sql: postgresql or mariadb
    database_kind: str = "postgresql"
    database: str = ""
    role: str = "any"
    max_lag: float = MAX_LAG
    words: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    async def context(self) -> ssl.SSLContext:
        """How TLS peers are checked.  Made aside: reading the system's authorities takes 20 ms."""
        return await asyncio.to_thread(trust, self.authorities, self.verify)

    @property
    def account(self) -> Account | None:
        """The probe account, if there is one."""
        return Account(self.user, self.password) if self.user is not None else None


async def ask(q: Question, runner: Runner | None = None) -> Result:
    """Ask; raises SipError or ValueError for what is no question, OSError for a missing file.

    ``runner`` starts the commands of ``command``, None: as children of this process.
    """
    if q.kind in ("options", "register", "call"):
        return await _sip(q)
    if q.kind in ("http", "ari"):
        return await _web(q)
    if q.kind == "command":
        return await command(q.words, env=q.env, timeout=q.timeout, runner=runner)
    if q.kind == "sql":
        server = Server(
            q.host, q.user or "", q.password, q.database, q.port or None, q.database_kind
        )
        return await sql(server, role=q.role, max_lag=q.max_lag, timeout=q.timeout)
    if q.kind == "tls":
        return await tls(
            q.host,
            q.port,
            name=q.name,
            authorities=q.authorities,
            verify=q.verify,
            days=q.days,
            local=q.local,
            timeout=q.timeout,
        )
    if q.kind == "tcp":
        return await tcp(q.host, q.port, local=q.local, timeout=q.timeout)
    if q.kind == "ami":
        return await ami(
            q.host,
            q.port,
            user=q.user or "",
            password=q.password,
            local=q.local,
            timeout=q.timeout,
        )
    if q.kind == "esl":
        return await esl(q.host, q.port, password=q.password, local=q.local, timeout=q.timeout)
    raise ValueError(f"no such probe: {q.kind} ({', '.join(KINDS)})")


async def _sip(q: Question) -> Result:
    context = await q.context() if "transport=tls" in q.target.lower() else None
    if q.kind == "options":
        answer = await options(q.target, local=q.local, timeout=q.timeout, context=context)
        return judge(answer, any_answer=q.any_answer)
    account = q.account
    if q.kind == "register":
        if account is None:
            raise ValueError("register needs a probe account")
        return await register(q.target, account, local=q.local, timeout=q.timeout, context=context)
    return await call(
        q.target,
        account,
        hear=q.hear,
        audio=q.audio,
        max_loss=q.max_loss,
        local=q.local,
        timeout=q.timeout,
        context=context,
    )


async def _web(q: Question) -> Result:
    context = await q.context() if q.url.lower().startswith("https:") else None
    if q.kind == "ari":
        return await ari(
            q.url,
            user=q.user or "",
            password=q.password,
            local=q.local,
            timeout=q.timeout,
            context=context,
        )
    return await http(
        q.url,
        user=q.user,
        password=q.password,
        expect=q.expect,
        contains=q.contains,
        local=q.local,
        timeout=q.timeout,
        context=context,
    )
