"""What the tests of the shells share: an engine that echoes, configurations, sockets, certificates."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

from sipfront.config.load import parse
from sipfront.config.model import Config
from sipfront.runtime.ports import EnginePort
from sipfront.stack.flows import Flow, Flows
from sipfront.stack.notices import Answered, Notice, Refused
from sipfront.stack.route import Route
from sipfront.stack.settings import Settings

LIMIT = 5.0

#: Every test has addresses of its own, so that nothing of the one before is met.
_hosts = itertools.count(1)


def address() -> str:
    """A loopback address that no other test of this process uses."""
    number = next(_hosts)
    return f"127.20.{number // 250}.{number % 250 + 1}"


class EchoEngine:
    """A small engine: writes down what it is told, sends back what it gets from outside."""

    def __init__(
        self,
        settings: Settings | None = None,
        flows: Flows | None = None,
        entropy: Callable[[int], bytes] | None = None,
    ) -> None:
        self.settings = settings
        self.flows = flows
        self.counters: dict[str, int] = {}
        self.hearing = [0.0, 0.0]
        self.received: list[tuple[bytes, Flow]] = []
        self.losses: list[tuple[Flow, str]] = []
        self.routes: list[Route] = []
        self.trunks: list[tuple[str, tuple[Flow, ...]]] = []
        self.nodes: dict[int, tuple[Flow, ...]] = {}
        self.out: list[tuple[Flow, bytes]] = []
        self.news: list[Notice] = []
        self.deadline: float | None = None
        self.expired: list[float] = []
        self.probes: dict[bytes, tuple[int, int, float]] = {}
        self.answers_probes = True
        self.echo = True
        self.held: set[Flow] = set()

    @property
    def heard(self) -> list[float]:
        return list(self.hearing)

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        self.received.append((data, flow))
        if flow.node >= 0:
            self.hearing[flow.node] = now
            probe = self.probes.pop(data, None)
            if probe is not None:
                self.news.append(Answered(probe[0], probe[1], 200, probe[2], now))
        elif data.startswith(b"BUG"):
            raise RuntimeError("a bug of ours")
        elif self.echo:
            self.out.append((flow, data))

    def lost(self, flow: Flow, now: float, why: str) -> None:
        self.losses.append((flow, why))
        if flow.node >= 0 and why in ("refused", "reset"):
            self.news.append(Refused(flow.node, now))

    def next_deadline(self) -> float | None:
        return self.deadline

    def expire(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            self.expired.append(now)

    def route_changed(self, route: Route, now: float) -> None:
        self.routes.append(route)

    def trunk_resolved(self, name: str, flows: tuple[Flow, ...], now: float) -> None:
        self.trunks.append((name, flows))

    def node_flows(self, node: int, flows: tuple[Flow, ...]) -> None:
        self.nodes[node] = flows

    def probe(self, node: int, probe: int, now: float, kind: str = "options") -> None:
        data = message(b"OPTIONS", b"probe-%d" % probe)
        self.probes[data] = (node, probe, now)
        self.out.append((self.nodes[node][0], data))

    def holds(self, flow: Flow) -> bool:
        return flow in self.held

    def take(self) -> list[tuple[Flow, bytes]]:
        out, self.out = self.out, []
        return out

    def notices(self) -> list[Notice]:
        news, self.news = self.news, []
        return news


def same_protocol(engine: EchoEngine) -> EnginePort:
    """For mypy: the engine of the tests is an engine."""
    return engine


def message(method: bytes = b"OPTIONS", call_id: bytes = b"1", body: bytes = b"") -> bytes:
    """A small request."""
    return (
        b"%b sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%b\r\n"
        b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: %b\r\n"
        b"CSeq: 1 %b\r\nMax-Forwards: 70\r\nContent-Length: %d\r\n\r\n%b"
        % (method, call_id, call_id, method, len(body), body)
    )


async def until(found: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until ``found()`` is true, with a limit."""
    async with asyncio.timeout(limit):
        while not found():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


class Peer(asyncio.DatagramProtocol):
    """A UDP peer that writes down what it gets, and echoes when told."""

    def __init__(self, echo: bool = False) -> None:
        self.echo = echo
        self.got: list[tuple[bytes, tuple[str, int]]] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.append((data, addr))
        if self.echo:
            self.send(data, addr)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.sendto(data, to)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            self.transport = None


async def peer(host: str, port: int, *, echo: bool = False) -> Peer:
    """A UDP peer on an address of its own."""
    made = Peer(echo)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, local_addr=(host, port))
    return made


def config(tmp_path: Path, text: str) -> Config:
    """A configuration of YAML text."""
    made, _ = parse(text, "test.yaml", tmp_path, tmp_path)
    return made


def pair(tmp_path: Path, host: str, *, listen: str = "", more: str = "", nodes: str = "") -> Config:
    """A front on ``host``; its nodes are ``host``:5081 and :5082 unless given."""
    listen = listen or f"udp://{host}:5060"
    nodes = nodes or (
        f'{{name: pbx-a, uri: "sip:{host}:5081"}}, {{name: pbx-b, uri: "sip:{host}:5082"}}'
    )
    return config(
        tmp_path,
        f"""
front:
  listen: [{listen}]
  domains: [example.com]
  inside: udp://{host}:5062
{_indented(more)}
nodes: [{nodes}]
""",
    )


def _indented(more: str) -> str:
    return "\n".join("  " + line if line.startswith("tls") else line for line in more.splitlines())


def certificate(folder: Path, name: str, *, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate of its own making for ``name`` and ``host``: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(cert),
            "-addext", f"subjectAltName=DNS:{name},IP:{host}",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


def trusting(cert: Path) -> ssl.SSLContext:
    """A client's context that believes in ``cert``."""
    context = ssl.create_default_context(cafile=str(cert))
    context.check_hostname = False
    return context


def bound_udp(host: str, port: int) -> socket.socket:
    """A plain bound socket."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    sock.settimeout(LIMIT)
    return sock
