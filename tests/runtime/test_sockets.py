"""All local sockets together: which listener is where, and which one a peer is reached by."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sipfront.runtime.errors import StartupError
from sipfront.runtime.loop import Driver
from sipfront.runtime.plan import NodePlan, Place, Plan
from sipfront.runtime.sockets import Sockets, source_for
from sipfront.stack.flows import Transport
from tests.runtime.support import EchoEngine, address, message, peer, until

UDP, TCP = Transport.UDP, Transport.TCP


def place(kind: Transport, host: str, port: int = 0, *, inside: bool = False) -> Place:
    return Place(kind, host, port, host, port, inside=inside)


def free(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


async def test_local_and_remote_each_have_their_flow_to_each_node() -> None:
    host, there = address(), address()
    nodes = [await peer(there, 0), await peer(there, 0)]
    ports = [node.transport.get_extra_info("sockname")[1] for node in nodes if node.transport]
    plan = Plan(
        (place(UDP, host),),
        ((place(UDP, host, inside=True),), (place(UDP, host, inside=True),)),
        False,
        tuple(NodePlan(f"n{port}", UDP, there, port) for port in ports),
    )
    local = Sockets(plan)
    engine = EchoEngine()
    driver = Driver(engine)
    try:
        flows = [local.node_flows(index) for index in range(2)]
        driver.datagrams = dict(await local.start_udp(driver))
        assert all(flow.handle is not None for both in flows for flow in both)
        for both in flows:
            for flow in both:
                engine.out.append((flow, message(call_id=b"%d" % flow.ident)))
        driver.wake()
        await until(lambda: all(len(node.got) == 2 for node in nodes))
        seen = {addr[1] for data, addr in nodes[0].got}
        assert seen == {flow.listener.bound[1] for flow in flows[0]}
    finally:
        driver.close()
        local.close()
        for node in nodes:
            node.close()
        await asyncio.sleep(0)


async def test_the_listener_that_the_routing_would_use() -> None:
    one, two = address(), "127.0.0.1"
    plan = Plan(
        (place(UDP, one), place(UDP, two), place(UDP, "::1")),
        ((place(UDP, one, inside=True),),),
        False,
        (NodePlan("a", UDP, address(), 5060),),
    )
    local = Sockets(plan)
    try:
        assert source_for("127.0.0.9") == "127.0.0.1"
        chosen = local.outside_for(UDP, "127.0.0.9")
        assert chosen is not None
        assert chosen.bound[0] == two
        six = local.outside_for(UDP, "::1")
        assert six is not None
        assert six.host == b"[::1]"
        assert local.outside_for(TCP, "127.0.0.9") is None
        assert local.outside_versions() == (4, 6)
    finally:
        local.close()


async def test_what_was_bound_is_released_when_the_next_cannot_be() -> None:
    host = address()
    port = free(host)
    taken = socket.create_server((host, 0))
    plan = Plan(
        (place(UDP, host, port), place(TCP, host, taken.getsockname()[1])),
        ((place(UDP, host, inside=True),),),
        False,
        (NodePlan("a", UDP, host, 5060),),
    )
    with pytest.raises(StartupError, match="tcp://"):
        Sockets(plan)
    taken.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))


async def test_ipv6_from_end_to_end() -> None:
    node, phone = await peer("::1", 0), await peer("::1", 0)
    assert node.transport is not None
    port = node.transport.get_extra_info("sockname")[1]
    plan = Plan(
        (place(UDP, "::1"),),
        ((place(UDP, "::1", inside=True),),),
        False,
        (NodePlan("a", UDP, "::1", port),),
    )
    local = Sockets(plan)
    engine = EchoEngine()
    driver = Driver(engine)
    try:
        flow = local.node_flows(0)[0]
        driver.datagrams = dict(await local.start_udp(driver))
        phone.send(message(), local.listeners[0].bound)
        await until(lambda: phone.got)
        assert phone.got[0][0] == message()
        assert engine.received[0][1].host == "::1"
        engine.out.append((flow, message(call_id=b"in")))
        driver.wake()
        await until(lambda: node.got)
        node.close()
        await asyncio.sleep(0)
        engine.out.append((flow, message(call_id=b"dead")))
        driver.wake()
        await until(lambda: engine.losses)
        assert engine.losses == [(flow, "refused")]
    finally:
        driver.close()
        local.close()
        phone.close()
        await asyncio.sleep(0)
