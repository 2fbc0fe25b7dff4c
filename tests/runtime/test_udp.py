"""Sockets for datagrams: exclusive listeners, connected nodes, ICMP, keep-alives."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sipfront.runtime import udp
from sipfront.runtime.errors import StartupError
from sipfront.stack.flows import OUTSIDE, STRANGER, Flow, Flows, Listener, Transport
from tests.runtime.support import address, bound_udp, message, peer, until


class Notes:
    """A sink that writes down."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, Flow]] = []
        self.losses: list[tuple[Flow, str]] = []
        self.counters: dict[str, int] = {}

    def receive(self, data: bytes, flow: Flow) -> None:
        self.got.append((data, flow))

    def lost(self, flow: Flow, why: str) -> None:
        self.losses.append((flow, why))

    def count(self, name: str, by: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + by


class Local:
    """One listening socket on a host of its own, with as many nodes as wanted."""

    def __init__(self, host: str, *, shared: bool = False) -> None:
        self.notes = Notes()
        self.sock = udp.bind(host, 0)
        self.port: int = self.sock.getsockname()[1]
        name = b"[%b]" % host.encode() if ":" in host else host.encode()
        bound = (host, self.port)
        self.inside = Listener(0, Transport.UDP, name, self.port, inside=True, bound=bound)
        outside = Listener(1, Transport.UDP, name, self.port, inside=False, bound=bound)
        self.flows = Flows([self.inside, outside])
        self.nodes: dict[str, int] = {}
        self.receiver = udp.ListenerSocket(
            self.sock,
            self.notes,
            self.flows,
            outside=outside if shared else None,
            inside=self.inside,
            nodes=self.nodes,
        )
        self.own: list[udp.NodeSocket] = []

    def node(self, host: str, port: int) -> Flow:
        index = self.nodes.setdefault(host, len(self.nodes))
        flow = self.flows.udp(self.inside, host, port, index)
        own = udp.NodeSocket(
            udp.connect([self.sock, *(own.sock for own in self.own)], host, port), self.notes, flow
        )
        flow.handle = own
        self.own.append(own)
        return flow

    async def start(self) -> None:
        for own in self.own:
            await own.start()
        await self.receiver.start()

    def close(self) -> None:
        for own in self.own:
            own.close()
        self.receiver.close()


async def test_a_second_front_on_the_port_is_told_in_a_sentence() -> None:
    host = address()
    local = Local(host)
    local.node(host, 5071)
    local.node(host, 5072)
    await local.start()
    local.node(host, 5073)
    try:
        with pytest.raises(StartupError, match=r"cannot listen on udp://.*the port is in use"):
            udp.bind(host, local.port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
            intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                intruder.bind((host, local.port))
    finally:
        local.close()


async def test_an_address_that_is_not_ours_is_told_in_a_sentence() -> None:
    with pytest.raises(StartupError, match="that is no address of this machine"):
        udp.bind("198.51.100.7", 5060)


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
async def test_listener_and_node_share_one_port_and_each_gets_its_own(family: str) -> None:
    host = address() if family == "IPv4" else "::1"
    node = await peer(host, 0)
    phone = await peer(host if family == "IPv6" else address(), 0)
    assert node.transport is not None
    assert phone.transport is not None
    node_port = node.transport.get_extra_info("sockname")[1]
    local = Local(host, shared=True)
    flow = local.node(host, node_port)
    await local.start()
    try:
        node.send(message(call_id=b"node"), (host, local.port))
        phone.send(message(call_id=b"phone"), (host, local.port))
        await until(lambda: len(local.notes.got) == 2)
        flows = dict(local.notes.got)
        assert flows[message(call_id=b"node")] is flow
        if family == "IPv4":
            assert flows[message(call_id=b"phone")].node == OUTSIDE
        else:  # the phone has the node's address here: another port of the node
            assert flows[message(call_id=b"phone")].node == 0
            assert flows[message(call_id=b"phone")] is not flow
        udp_flow = flows[message(call_id=b"phone")]
        local.receiver.send_to(b"to the phone", udp_flow)
        local.own[0].send(b"to the node")
        await until(lambda: phone.got and node.got)
        assert phone.got == [(b"to the phone", phone.got[0][1])]
        assert node.got[0][0] == b"to the node"
        assert node.got[0][1][:2] == (host, local.port)
    finally:
        local.close()
        node.close()
        phone.close()


async def test_many_phones_reach_the_listener_and_each_node_its_own_socket() -> None:
    host, there = address(), address()
    nodes = [await peer(there, 0), await peer(there, 0)]
    ports = [node.transport.get_extra_info("sockname")[1] for node in nodes if node.transport]
    phones = [await peer(address(), 0) for _ in range(20)]
    local = Local(host, shared=True)
    flows = [local.node(there, port) for port in ports]
    await local.start()
    try:
        for round_ in range(5):
            for number, phone in enumerate(phones):
                phone.send(message(call_id=b"p%d.%d" % (number, round_)), (host, local.port))
            for number, node in enumerate(nodes):
                node.send(message(call_id=b"n%d.%d" % (number, round_)), (host, local.port))
        await until(lambda: len(local.notes.got) == 110)
        for data, flow in local.notes.got:
            call_id = data.partition(b"Call-ID: ")[2].partition(b".")[0]
            if call_id[:1] == b"n":
                assert flow is flows[int(call_id[1:])]
            else:
                assert flow.node == OUTSIDE
    finally:
        local.close()
        for made in (*nodes, *phones):
            made.close()


async def test_a_stranger_on_an_inside_address_is_marked() -> None:
    local = Local(address())
    await local.start()
    stranger = await peer(address(), 0)
    try:
        stranger.send(message(), local.sock.getsockname())
        await until(lambda: local.notes.got)
        assert local.notes.got[0][1].node == STRANGER
    finally:
        local.close()
        stranger.close()


async def test_a_dead_node_is_told_at_once_and_the_socket_goes_on_hearing() -> None:
    host = address()
    node = await peer(host, 0)
    assert node.transport is not None
    port = node.transport.get_extra_info("sockname")[1]
    local = Local(host)
    flow = local.node(host, port)
    await local.start()
    own = local.own[0]
    try:
        own.send(b"alive?")
        await until(lambda: node.got)
        node.close()
        await asyncio.sleep(0)
        losses = local.notes.losses
        while len(losses) < 3:
            count = len(losses)
            own.send(b"dead?")
            await until(lambda before=count: len(losses) > before)  # type: ignore[misc]
        assert {why for _, why in local.notes.losses} == {"refused"}
        assert local.notes.losses[0][0] is flow
        again = await peer(host, port)
        own.send(b"back?")
        await until(lambda: again.got)
        again.send(message(), (host, local.port))
        await until(lambda: local.notes.got)
        assert local.notes.got[0][1] is flow
        again.close()
    finally:
        local.close()


async def test_the_send_that_reports_the_refusal_is_sent_again() -> None:
    host = address()
    with bound_udp(host, 0) as held:
        port = held.getsockname()[1]
    local = Local(host)
    local.node(host, port)
    own = local.own[0]
    # Not started: only sends meet the error, as when both happen in one turn of the loop.
    try:
        own.send(b"refused")
        with bound_udp(host, port) as node:
            own.send(b"arrives")
            assert node.recv(100) == b"arrives"
        assert [why for _, why in local.notes.losses] == ["refused"]
    finally:
        local.close()


async def test_keep_alives_are_absorbed_and_stun_is_answered() -> None:
    host = address()
    local = Local(host, shared=True)
    await local.start()
    phone = await peer(address(), 0)
    at = (host, local.port)
    binding = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"0123456789ab"
    try:
        for keepalive in (b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0"):
            phone.send(keepalive, at)
        phone.send(b"\x00\x01 no STUN", at)
        phone.send(binding, at)
        phone.send(b"\r\n" + message(), at)
        await until(lambda: phone.got and local.notes.got)
        assert [data for data, _ in local.notes.got] == [b"\r\n" + message()]
        assert len(phone.got) == 1
        answer = phone.got[0][0]
        assert answer[:2] == b"\x01\x01"
        assert answer[8:20] == b"0123456789ab"
        assert local.notes.counters == {"udp.keepalive": 4, "udp.garbage": 1, "udp.stun": 1}
    finally:
        local.close()
        phone.close()


async def test_what_cannot_be_sent_is_counted_and_hurts_nobody() -> None:
    host = address()
    local = Local(host)
    local.node(host, 5071)
    try:
        local.own[0].send(b"x" * 70_000)
        local.receiver.send_to(b"x" * 70_000, local.flows.udp(local.inside, host, 5075))
        assert local.notes.counters["udp.send_error"] == 2
    finally:
        local.close()


async def test_fragments_are_allowed_and_buffers_are_large() -> None:
    sock = udp.bind(address(), 0)
    with sock:
        assert sock.getsockopt(socket.IPPROTO_IP, 10) == 0
        assert udp.enlarge(sock) == udp.BUFFER
