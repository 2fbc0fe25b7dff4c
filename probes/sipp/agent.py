"""One SIPp to be: its settings, and the command line that they make.

The names are those of pysipp, so that who knows it finds the same words; units are SIPp's own
(milliseconds for pauses, seconds for ``timeout``).  Values only; :mod:`probes.sipp.process` runs
them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from probes.sipp.outcome import SippError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.sipp.outcome import Result, Stats
    from probes.sipp.process import Run

#: Host and port; None as the port lets SIPp choose one that is free.
Address = tuple[str, int | None]

#: Calls that may be up at once. SIPp's own default (three times rate x length) would slow the load
#: down exactly when the answers slow down, and so hide what is to be seen.
LIMIT = 10_000
#: Milliseconds that a called party stays after its answer to BYE, to repeat it when asked again.
LINGER = 1000

_TRANSPORTS = {"udp": "u1", "tcp": "t1"}


class Settings(TypedDict, total=False):
    """The keyword arguments of :func:`client` and :func:`server`; see :class:`Agent`."""

    name: str
    srcaddr: Address | str
    destaddr: Address | str | None
    proxyaddr: Address | str | None
    media_addr: str | None
    media_port: int | None
    transport: str
    scen_name: str
    scen_file: Path | str | None
    uri_username: str
    auth_username: str | None
    auth_password: str | None
    caller: str
    domain: str | None
    expires: int
    users: tuple[tuple[str, str], ...]
    info_files: tuple[Path | str, ...]
    rate: float
    limit: int
    call_count: int | None
    pause_duration: int
    ring: int
    linger: int
    recv_timeout: int | None
    timeout: int | None
    auto_answer: bool
    rtp_echo: bool
    key_vals: Mapping[str, str]
    global_vars: Mapping[str, str]
    timings: bool
    trace_messages: bool
    logdir: Path | str | None
    extra: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A SIPp to be started; frozen, so that one can be run many times and varied by ``but``."""

    is_client: bool
    name: str  #: in results and errors
    srcaddr: Address = ("127.0.0.1", None)
    destaddr: Address | None = None  #: whom to call; a client needs it
    proxyaddr: Address | None = None  #: where packets go first, when that is another than destaddr
    media_addr: str | None = None  #: default: the host of srcaddr
    media_port: int | None = None
    transport: str = "u1"  #: SIPp's word, or "udp" or "tcp"
    scen_name: str = ""  #: one of probes/sipp/scenarios
    scen_file: Path | None = None  #: a scenario elsewhere; goes before scen_name
    uri_username: str = "service"  #: whom to call (SIPp's [service])
    auth_username: str | None = None
    auth_password: str | None = None
    caller: str = "sipp"  #: the user in From
    domain: str | None = None  #: the host in From, To and the Request-URI; default: destaddr
    expires: int = 3600  #: of a registration, in seconds
    users: tuple[
        tuple[str, str], ...
    ] = ()  #: (user, password): one call each, again from the first
    info_files: tuple[Path, ...] = ()  #: SIPp's -inf
    rate: float = 10.0  #: new calls a second; the first one comes after 1 / rate
    limit: int = LIMIT  #: calls up at once
    call_count: int | None = None  #: end after so many (a server counts OPTIONS too); None: no end
    pause_duration: int = 0  #: ms that a call lasts (SIPp's -d)
    ring: int = 0  #: ms from 180 to 200
    linger: int = LINGER  #: ms after the last answer
    recv_timeout: int | None = None  #: ms to wait for any expected message
    timeout: int | None = None  #: s for the whole run (SIPp knows whole ones); Outcome.STOPPED
    auto_answer: bool = False  #: answer OPTIONS, INFO, NOTIFY and UPDATE
    rtp_echo: bool = False
    key_vals: Mapping[str, str] = dataclasses.field(default_factory=dict)
    global_vars: Mapping[str, str] = dataclasses.field(default_factory=dict)
    timings: bool = False  #: collect CallTimings
    trace_messages: bool = False  #: whole messages into logdir
    logdir: Path | None = None  #: keep all of SIPp's files here; default: none is left behind
    extra: tuple[str, ...] = ()  #: further words of the command line

    def but(self, **settings: Unpack[Settings]) -> Agent:
        """The same agent with other settings."""
        return dataclasses.replace(self, **_clean(settings))  # type: ignore[arg-type]

    def start(self, progress: Callable[[Stats], None] | None = None) -> Run:
        """A run of this agent, to be entered with ``async with``."""
        from probes.sipp.process import Run  # the process knows the agent, not the other way round

        return Run(self, progress)

    async def run(self, progress: Callable[[Stats], None] | None = None) -> Result:
        """Run until it ends by itself (``call_count`` or ``timeout``)."""
        async with self.start(progress) as run:
            return await run.wait()

    @property
    def is_stream(self) -> bool:
        """Whether it speaks TCP."""
        return self.transport.startswith("t")

    def scenario_text(self) -> str:
        """The XML of its scenario."""
        if self.scen_file is not None:
            try:
                return self.scen_file.read_text()
            except OSError as error:
                raise SippError(f"{self.scen_file}: {error.strerror}") from None
        file = resources.files("probes.sipp.scenarios") / f"{self.scen_name}.xml"
        try:
            return file.read_text()
        except OSError:
            raise SippError(
                f"no scenario {self.scen_name!r}; there are: {', '.join(scenario_names())}"
            ) from None

    def users_csv(self) -> str:
        """The injection file for ``users``: field0 is the user, field1 the credentials."""
        rows = (f"{u};[authentication username={u} password={p}]" for u, p in self.users)
        return "SEQUENTIAL\n" + "".join(f"{row}\n" for row in rows)

    def words(self) -> list[str]:
        """The command line after ``sipp``, for a working directory that holds ``scenario.xml``."""
        host, port = self.srcaddr
        made = ["-sf", "scenario.xml", "-nostdin", "-skip_rlimit", "-i", host, "-bind_local"]
        # The control socket would otherwise listen on every address of the machine.
        made += ["-ci", host, "-t", _TRANSPORTS.get(self.transport, self.transport)]
        made += ["-mi", self.media_addr or host]
        made += _option("-p", port) + _option("-mp", self.media_port)
        made += _option("-m", self.call_count) + _option("-recv_timeout", self.recv_timeout)
        made += _option("-timeout", self.timeout)
        made += ["-trace_stat", "-fd", "1", "-stf", "stats.csv"]
        made += ["-trace_err", "-error_file", "errors.log"]
        if self.timings:
            made += ["-trace_shortmsg", "-shortmessage_file", "short.csv"]
        if self.trace_messages:
            made += ["-trace_msg", "-message_file", "messages.log"]
        if self.is_client:
            if self.rate <= 0:
                raise SippError(f"{self.name}: the rate must be above 0")
            # SIPp takes whole calls a period only, and spreads them evenly over it.
            made += ["-r", str(round(self.rate * 100)), "-rp", "100000"]
            made += ["-l", str(self.limit), "-s", self.uri_username]
        made += ["-d", str(self.pause_duration)]
        made += _option("-au", self.auth_username) + _option("-ap", self.auth_password)
        if self.auto_answer:
            made.append("-aa")
        if self.rtp_echo:
            made.append("-rtp_echo")
        if self.users:
            made += ["-inf", "users.csv"]
        for file in self.info_files:
            made += ["-inf", str(file.resolve())]
        for name, value in self._keys().items():
            made += ["-key", name, value]
        text = self.scenario_text()
        for name, value in self._variables().items():
            # SIPp refuses a variable that its scenario does not declare.
            if name in text:
                made += ["-set", name, value]
        made += self.extra
        if self.is_client:
            made += self._remote()
        return made

    def _remote(self) -> list[str]:
        target = self.destaddr or self.proxyaddr
        if target is None:
            raise SippError(f"{self.name}: a client needs a destaddr")
        if self.proxyaddr is not None and self.proxyaddr != target:
            return ["-rsa", joined(self.proxyaddr), joined(target)]
        return [joined(target)]

    def _keys(self) -> dict[str, str]:
        target = self.destaddr or self.proxyaddr or self.srcaddr
        given = {"caller": self.caller, "expires": str(self.expires)}
        given["domain"] = self.domain or joined(target)
        return given | dict(self.key_vals)

    def _variables(self) -> dict[str, str]:
        given = {"ring_ms": str(self.ring), "linger_ms": str(self.linger)}
        if self.is_stream:
            given["over_stream"] = "1"
        return given | dict(self.global_vars)


def client(**settings: Unpack[Settings]) -> Agent:
    """An agent that calls: scenario ``uac``, one call, unless told otherwise."""
    base = Agent(is_client=True, name="uac", scen_name="uac", call_count=1)
    return _named(base.but(**settings), settings)


def server(**settings: Unpack[Settings]) -> Agent:
    """An agent that is called: scenario ``uas``, until it is stopped; answers OPTIONS as well."""
    base = Agent(is_client=False, name="uas", scen_name="uas", auto_answer=True)
    return _named(base.but(**settings), settings)


def _named(agent: Agent, settings: Settings) -> Agent:
    if "name" in settings:
        return agent
    stem = agent.scen_file.stem if agent.scen_file else agent.scen_name
    return dataclasses.replace(agent, name=stem)


def scenario_names() -> list[str]:
    """The scenarios that come with this package."""
    files = resources.files("probes.sipp.scenarios").iterdir()
    return sorted(file.name.removesuffix(".xml") for file in files if file.name.endswith(".xml"))


def joined(address: Address) -> str:
    """``host:port`` as SIPp and SIP write it; 5060 when there is no port."""
    host, port = address
    return f"{f'[{host}]' if ':' in host else host}:{port or 5060}"


def _option(word: str, value: float | str | None) -> list[str]:
    return [] if value is None else [word, str(value)]


def _clean(settings: Settings) -> dict[str, object]:
    """Settings in the types of :class:`Agent`: a bare host is an address without a port."""
    made: dict[str, object] = dict(settings)
    for name in ("srcaddr", "destaddr", "proxyaddr"):
        if isinstance(host := made.get(name), str):
            made[name] = (host, None)
    for name in ("scen_file", "logdir"):
        if isinstance(path := made.get(name), str):
            made[name] = Path(path)
    if "info_files" in settings:
        made["info_files"] = tuple(Path(path) for path in settings["info_files"])
    return made
