"""What is read of the engine's tables."""

from __future__ import annotations

from sipfront.runtime.engine_view import FRESH, EngineView
from sipfront.stack.bindings import Binding
from sipfront.stack.dialog import Leg
from sipfront.stack.flows import Flows, Listener, Transport
from sipfront.stack.front import Engine
from sipfront.stack.settings import Node, Settings
from tests.stack.kept import kept
from tests.stack.test_trunking import registered as enrolled
from tests.stack.test_trunking import world as registering
from tests.stack.world import CARRIER

HERE = Listener(0, Transport.TCP, b"127.0.0.1", 5060, inside=False, bound=("127.0.0.1", 5060))


def test_counts_and_needed_connections() -> None:
    flows = Flows([HERE])
    nodes = (Node("a", b"127.0.0.2", 5060, 0, (b"127.0.0.2",)),)
    settings = Settings(nodes, (b"example.com",), token_keys=(b"k" * 32,), binding_key=b"b" * 32)
    shared = Engine(settings, flows, bytes).shared
    now = [1000.0]
    view = EngineView(shared, lambda: now[0])
    registered = flows.stream(HERE, "127.0.0.9", 1)
    expired = flows.stream(HERE, "127.0.0.9", 2)
    talking = flows.stream(HERE, "127.0.0.9", 3)
    for name, flow, expires in ((b"r", registered, 2000.0), (b"e", expired, 999.0)):
        binding = Binding(name, b"sip:%b@example.com" % name, b"sip:x@127.0.0.9", flow)
        binding.expires = expires
        shared.bindings.put(binding)
    leg = Leg(b"call", b"a", b"b", 0)
    leg.outside_flow = talking
    shared.legs.add(leg)
    shared.legs.confirm(leg)
    assert view.owned(0) == 1
    assert view.gauges() == {"bindings": 2, "calls": 1, "dialogs": 1, "parked": 0}
    assert [view.holds(flow) for flow in (registered, expired, talking)] == [True, False, True]
    shared.legs.remove(leg)
    assert view.holds(talking)
    now[0] += FRESH
    assert not view.holds(talking)


def test_accounts_at_a_trunk() -> None:
    world = registering()
    enrolled(world)
    view = EngineView(world.engine.shared, lambda: world.now)
    (trunk,) = view.trunks(10)
    assert trunk["register"] == "node"
    assert trunk["registrations"] == [
        {
            "account": f"4930@{CARRIER}",
            "registered": True,
            "expires": 3600.0,
            "status": 200,
            "why": "",
            "nodes": ["pbx-a"],
        }
    ]
    world.now += 3601
    (trunk,) = view.trunks(10)
    assert (trunk["registrations"][0]["registered"], trunk["registrations"][0]["nodes"]) == (
        False,
        [],
    )


def test_a_kept_call_is_shown_and_is_nobodys() -> None:
    call = kept()
    view = EngineView(call.world.engine.shared, lambda: call.world.now)
    assert [one["kept"] for one in view.dialogs(["pbx-a", "pbx-b"], 10)] == [True, True]
    assert view.gauges()["dialogs"] == 2
    assert (view.owned(0), view.owned(1)) == (0, 0)  # a node that drains is free of it
