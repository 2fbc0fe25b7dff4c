"""The whole front around an echoing engine: nodes, roles, reload, levers, trunks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipfront.config.model import Config
from sipfront.runtime.errors import StartupError
from sipfront.runtime.server import Server, default_engine
from sipfront.stack.flows import Transport
from sipfront.stack.route import NodeState, Standing
from sipfront.store.port import Row
from tests.runtime.support import (
    EchoEngine,
    Peer,
    address,
    certificate,
    message,
    pair,
    peer,
    until,
)


def engine_of(server: Server) -> EchoEngine:
    assert isinstance(server.engine, EchoEngine)
    return server.engine


@contextlib.asynccontextmanager
async def front(config: Config, **more: Any) -> AsyncIterator[Server]:
    server = Server(config, **{"make_engine": EchoEngine, **more})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def nodes(host: str) -> AsyncIterator[tuple[Peer, Peer]]:
    a, b = await peer(host, 5081, echo=True), await peer(host, 5082, echo=True)
    try:
        yield a, b
    finally:
        a.close()
        b.close()


def kinds(server: Server) -> list[str]:
    return [entry["event"] for entry in server.supervisor.events]


async def test_the_pair_is_asked_and_the_first_becomes_active(tmp_path: Path) -> None:
    host = address()
    async with nodes(host), front(pair(tmp_path, host)) as server:
        await until(lambda: server.control.ready()[0])
        await until(lambda: server.control.status()["redundant"])
        status = server.control.status()
        assert status["active"] == "pbx-a"
        assert status["epoch"] == 1
        assert [node["state"] for node in status["nodes"]] == ["UP", "UP"]
        assert status["nodes"][0]["uri"] == f"sip:{host}:5081"
        route = engine_of(server).routes[-1]
        assert route.active == 0
        assert route.standings == (Standing.ACTIVE, Standing.STANDBY)


async def test_a_killed_node_is_left_within_a_moment(tmp_path: Path) -> None:
    host = address()
    async with nodes(host) as (a, _), front(pair(tmp_path, host)) as server:
        await until(lambda: server.control.status()["redundant"])
        a.close()
        await until(lambda: server.control.status()["active"] == "pbx-b")
        assert "failover" in kinds(server)
        route = engine_of(server).routes[-1]
        assert route.states[0] is NodeState.DOWN
        entry = next(e for e in server.supervisor.events if e["event"] == "failover")
        assert {item["kind"] for item in entry["evidence"]} >= {"refused", "answered"}
        assert not server.control.status()["redundant"]


async def test_switch_over_and_modes_by_hand(tmp_path: Path) -> None:
    host = address()
    async with nodes(host), front(pair(tmp_path, host)) as server:
        await until(lambda: server.control.status()["redundant"])
        done, text = server.control.switchover("pbx-b", True)
        assert done, text
        await until(lambda: engine_of(server).routes[-1].active == 1)
        assert engine_of(server).routes[-1].standings[0] is Standing.DRAINING
        done, text = server.control.set_mode("pbx-a", "maintenance")
        assert done, text
        done, text = server.control.switchover("pbx-a", False)
        assert not done
        done, text = server.control.set_mode("pbx-c", "drain")
        assert not done
        assert "pbx-c" in text
        names = [name for name, *_ in server.control.metrics()]
        assert names == sorted(names, key=names.index)
        assert "sipfront_node_state" in names
        assert server.control.events(1)[0]["event"] in kinds(server)


async def test_phones_reach_the_engine_by_udp_and_tcp(tmp_path: Path) -> None:
    host = address()
    listen = f"udp://{host}:5060, tcp://{host}:5060"
    async with front(pair(tmp_path, host, listen=listen)) as server:
        phone = await peer(address(), 0)
        phone.send(message(), (host, 5060))
        await until(lambda: phone.got)
        assert phone.got[0][0] == message()
        reader, writer = await asyncio.open_connection(host, 5060)
        writer.write(message(call_id=b"tcp"))
        assert await reader.readexactly(len(message(call_id=b"tcp")))
        writer.close()
        phone.close()
        flows = [flow for _, flow in engine_of(server).received]
        assert [flow.listener.transport for flow in flows] == [Transport.UDP, Transport.TCP]


async def test_two_fronts_do_not_share_a_port(tmp_path: Path) -> None:
    host = address()
    config = pair(tmp_path, host)
    async with front(config):
        with pytest.raises(StartupError, match="port is in use"):
            Server(config, make_engine=EchoEngine)
        tcp = pair(tmp_path, host, listen=f"tcp://{host}:5070")
        async with contextlib.AsyncExitStack() as stack:
            other = await asyncio.start_server(lambda r, w: None, host, 5070)
            stack.callback(other.close)
            with pytest.raises(StartupError, match=f"tcp://{host}:5070: the port is in use"):
                Server(tcp, make_engine=EchoEngine)


async def test_nothing_stays_bound_when_the_start_fails(tmp_path: Path) -> None:
    host = address()

    async def admin(*_: object) -> None:
        raise StartupError("the admin side cannot listen")

    server = Server(pair(tmp_path, host), make_engine=EchoEngine, admin=admin)  # type: ignore[arg-type]
    with pytest.raises(StartupError, match="admin side"):
        await server.start()
    async with front(pair(tmp_path, host)):
        pass


async def test_shared_inside_and_outside(tmp_path: Path) -> None:
    host, node = address(), address()
    config = pair(
        tmp_path,
        host,
        nodes=f'{{name: pbx-a, uri: "sip:{node}:5081"}}, {{name: pbx-b, uri: "sip:{node}:5082"}}',
    )
    inside = config.front.inside.model_copy(
        update={"local": config.front.listen[0].at, "shared": True}
    )
    shared = config.model_copy(update={"front": config.front.model_copy(update={"inside": inside})})
    async with nodes(node) as (a, _), front(shared) as server:
        await until(lambda: server.control.ready()[0])
        phone = await peer(address(), 0)
        phone.send(message(call_id=b"phone"), (host, 5060))
        a.echo = False
        a.send(message(call_id=b"node"), (host, 5060))
        await until(lambda: phone.got)
        await until(
            lambda: any(data == message(call_id=b"node") for data, _ in engine_of(server).received)
        )
        flows = dict(engine_of(server).received)
        assert flows[message(call_id=b"phone")].node == -1
        assert not flows[message(call_id=b"phone")].listener.inside
        assert flows[message(call_id=b"node")].node == 0
        assert flows[message(call_id=b"node")].listener.inside
        phone.close()


async def test_reload_takes_certificates_and_says_what_needs_a_restart(tmp_path: Path) -> None:
    host = address()
    cert, key = certificate(tmp_path, "one.example.com")
    listen = f"udp://{host}:5060, tls://{host}:5061"
    tls = f"tls: {{certificate: {cert}, key: {key}}}"
    config = pair(tmp_path, host, listen=listen, more=tls)
    other = pair(tmp_path, host, listen=listen + f", udp://{host}:5099", more=tls)
    async with front(config) as server:
        assert server.reload(config) == []
        assert kinds(server)[-1] == "certificates"
        cert.write_text("broken")
        before = server.contexts.server
        assert server.reload(config) == []
        assert server.contexts.server is before
        assert kinds(server)[-1] == "certificate_refused"
        assert server.reload(other) == ["front"]
        assert server.config.front.listen == config.front.listen


async def test_a_bad_certificate_at_the_start_is_a_sentence(tmp_path: Path) -> None:
    host = address()
    cert, key = certificate(tmp_path, "one.example.com")
    tls = f"tls: {{certificate: {cert}, key: {key}}}"
    config = pair(tmp_path, host, listen=f"tls://{host}:5061", more=tls)
    key.unlink()
    with pytest.raises(StartupError, match=r"cannot read the key .*one.example.com.key: no such"):
        Server(config, make_engine=EchoEngine)


async def test_a_literal_trunk_is_pushed_to_the_engine(tmp_path: Path) -> None:
    host = address()
    config = pair(tmp_path, host)
    text = f"""
front:
  listen: [udp://{host}:5060]
  domains: [example.com]
  inside: udp://{host}:5062
nodes: [{{name: pbx-a, uri: "sip:{host}:5081"}}, {{name: pbx-b, uri: "sip:{host}:5082"}}]
trunks: [{{name: carrier, uri: "sip:127.30.0.1:5066"}}]
"""
    from tests.runtime.support import config as parsed

    async with front(parsed(tmp_path, text)) as server:
        await until(lambda: engine_of(server).trunks)
        name, flows = engine_of(server).trunks[0]
        assert name == "carrier"
        assert [(flow.host, flow.port) for flow in flows] == [("127.30.0.1", 5066)]
        assert server.reload(config) == ["trunks"]  # the small engine cannot take new trunks


async def test_a_node_by_tcp_is_dialled_and_dialled_again(tmp_path: Path) -> None:
    host = address()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                data = await reader.readuntil(b"\r\n\r\n")
                writer.write(data)
                if len(served) == 0:
                    served.append(writer)

    served: list[asyncio.StreamWriter] = []
    node = await asyncio.start_server(serve, host, 5081)
    config = pair(
        tmp_path,
        host,
        nodes=f'{{name: pbx-a, uri: "sip:{host}:5081;transport=tcp"}}, '
        f'{{name: pbx-b, uri: "sip:{host}:5082"}}',
    )
    b = await peer(host, 5082, echo=True)
    async with front(config) as server:
        await until(lambda: server.control.status()["active"] == "pbx-a")
        assert served
        first = engine_of(server).nodes[0][0]
        served[0].transport.abort()
        await until(lambda: engine_of(server).nodes[0][0] is not first)
        count = len(engine_of(server).received)
        await until(lambda: len(engine_of(server).received) > count + 3)
        assert server.control.status()["active"] == "pbx-a"
    node.close()
    b.close()


async def test_signalling_goes_on_when_the_store_does_not(tmp_path: Path) -> None:
    """Disk full, frozen, locked: the answers stay, health says so, and says when it is over."""
    host = address()
    async with nodes(host), front(pair(tmp_path, host), make_engine=default_engine) as server:
        await until(lambda: server.control.ready()[0])
        store = Sick()
        server.store.close()
        assert server.persist is not None
        server.store = server.persist.store = store
        assert not gauge(server)
        await until(lambda: "store_degraded" in kinds(server))
        assert not server.control.status()["healthy"]
        assert "disk full" in server.control.status()["store"]
        phone = await peer(address(), 5060)
        phone.send(message(), (host, 5060))
        await until(lambda: phone.got)
        assert server.control.ready()[0]
        store.well = True
        await until(lambda: "store_recovered" in kinds(server))
        assert server.control.status()["healthy"]
        assert gauge(server)
        phone.close()


class Sick:
    """A store that is not well until it is."""

    well = False

    def load(self) -> list[Row]:
        return []

    def put(self, rows: list[Row]) -> None:
        pass

    def health(self) -> tuple[bool, str]:
        return self.well, "saved" if self.well else "disk full"

    def close(self) -> None:
        pass


def gauge(server: Server) -> float:
    return next(
        value for name, *_, value in server.control.metrics() if name == "sipfront_store_healthy"
    )


async def test_a_damaged_store_is_told_and_roles_come_back(tmp_path: Path) -> None:
    host = address()
    config = pair(tmp_path, host)
    file = Path(config.store.removeprefix("sqlite://"))
    async with nodes(host):
        async with front(config, make_engine=default_engine) as server:
            await until(lambda: server.control.status()["redundant"])
            assert server.control.set_mode("pbx-a", "maintenance")[0]
            await until(lambda: server.control.status()["active"] == "pbx-b")
            epoch = server.control.status()["epoch"]
        async with front(config, make_engine=default_engine) as server:
            status = server.control.status()
            assert (status["active"], status["nodes"][0]["mode"]) == ("pbx-b", "maintenance")
            assert status["epoch"] >= epoch
        await asyncio.to_thread(file.write_bytes, b"noise" * 1000)
        async with front(config, make_engine=default_engine) as server:
            assert "store_damaged" in kinds(server)
            assert server.control.status()["healthy"]
    assert len(list(file.parent.glob("state.db.damaged-*"))) == 1


async def test_ports_are_free_when_the_store_is_refused(tmp_path: Path) -> None:
    host = address()
    config = pair(tmp_path, host)
    refused = config.model_copy(update={"store": f"sqlite://{tmp_path}"})
    with pytest.raises(StartupError, match="store: "):
        Server(refused, make_engine=EchoEngine)
    async with front(config):
        pass


async def test_new_credentials_of_a_trunk_are_taken_at_a_reload(tmp_path: Path) -> None:
    """The file of the credentials is another one's: the configuration itself may be as it was."""
    from tests.runtime.support import config as parsed

    host, there = address(), address()
    secret = tmp_path / "carrier.yaml"
    secret.touch(mode=0o600)
    secret.write_text("user: '4930'\npassword: one\n")
    text = f"""
front: {{listen: ["udp://{host}:5060"], domains: [example.com], inside: "udp://{host}:5062"}}
nodes: [{{name: pbx-a, uri: "sip:{host}:5081"}}, {{name: pbx-b, uri: "sip:{host}:5082"}}]
trunks:
  - {{name: carrier, uri: "sip:{there}:5066", register: front, credentials_file: carrier.yaml}}
"""
    config = parsed(tmp_path, text)
    carrier = await peer(there, 5066)
    async with front(config, make_engine=default_engine) as server:
        await until(lambda: carrier.got)
        (status,) = server.control.status()["trunks"]
        assert status["registrations"][0]["account"] == f"4930@{there}"
        assert not status["registrations"][0]["registered"]
        names = [metric[0] for metric in server.control.metrics()]
        assert "sipfront_trunk_registered" in names
        count = len(carrier.got)
        assert server.reload(config) == []
        secret.write_text("user: '4940'\npassword: two\n")
        assert server.reload(config) == []
        await until(lambda: any(b"<sip:4940@" in data for data, _ in carrier.got[count:]))
        secret.chmod(0o644)
        assert server.reload(config) == ["trunks"]
        assert kinds(server)[-1] == "trunks_refused"
        assert b"two" not in b"".join(data for data, _ in carrier.got)
    carrier.close()
