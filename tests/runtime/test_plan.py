"""From the configuration to places and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.runtime import plan
from sipfront.runtime.errors import StartupError
from sipfront.runtime.keys import Keys
from sipfront.stack.flows import Transport
from tests.runtime.support import config

NODES = 'nodes: [{name: a, uri: "sip:10.0.0.2"}, {name: b, uri: "sip:10.0.0.3:5070"}]'


def made(tmp_path: Path, front: str, nodes: str = NODES, more: str = "") -> plan.Plan:
    return plan.plan(
        config(tmp_path, f"front: {{{front}, domains: [example.com]}}\n{nodes}\n{more}")
    )


def test_places_and_what_is_advertised(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        'listen: ["udp://192.0.2.1:5060", {at: "tcp://192.0.2.1:5060", advertise: 198.51.100.1}],'
        ' inside: "udp://10.0.0.1:5062"',
    )
    udp, tcp = result.outside
    assert (udp.transport, udp.host, udp.advertised, udp.advertised_port) == (
        Transport.UDP, "192.0.2.1", "192.0.2.1", 5060,
    )  # fmt: skip
    assert tcp.advertised == "198.51.100.1"
    assert str(tcp) == "tcp://192.0.2.1:5060"
    assert [node.port for node in result.nodes] == [5060, 5070]
    assert [place.inside for place in result.inside[0]] == [True]


def test_a_wildcard_is_every_address(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        'listen: ["udp://0.0.0.0:5060"], advertise: 198.51.100.1, inside: "udp://127.0.0.1:5062"',
        'nodes: [{name: a, uri: "sip:127.0.0.2"}, {name: b, uri: "sip:127.0.0.3"}]',
    )
    assert "127.0.0.1" in [place.host for place in result.outside]
    assert {place.advertised for place in result.outside} == {"198.51.100.1"}


def test_inside_once_for_each_transport_that_a_node_needs(tmp_path: Path) -> None:
    result = made(
        tmp_path,
        'listen: ["udp://192.0.2.1:5060"], local_networks: [10.0.0.0/8],'
        ' inside: {local: "udp://10.0.0.1:5062", remote: "udp://10.0.0.1:5063"}',
        'nodes: [{name: a, uri: "sip:10.0.0.2;transport=tcp"}, {name: b, uri: "sip:10.0.0.3"}]',
    )
    assert [[place.transport for place in places] for places in result.inside] == [
        [Transport.UDP, Transport.TCP],
        [Transport.UDP, Transport.TCP],
    ]
    assert [places[0].port for places in result.inside] == [5062, 5063]


def test_two_ip_versions_inside_are_refused(tmp_path: Path) -> None:
    text = (
        'front: {listen: ["udp://192.0.2.1:5060"], domains: [x.example], inside: "udp://10.0.0.1"}\n'
        'nodes: [{name: a, uri: "sip:10.0.0.2"}, {name: b, uri: "sip:10.0.0.3"}]'
    )
    good = config(tmp_path, text)
    uri = good.nodes[1].uri._replace(host="2001:db8::3")
    bad = good.model_copy(
        update={"nodes": (good.nodes[0], good.nodes[1].model_copy(update={"uri": uri}))}
    )
    with pytest.raises(StartupError, match="other IP version"):
        plan.plan(bad)


def test_the_settings_of_both_rooms(tmp_path: Path) -> None:
    text = f"""
front: {{listen: ["udp://192.0.2.1:5060"], inside: "udp://10.0.0.1:5062", domains: [example.com]}}
{NODES}
trunks: [{{name: c, uri: "sip:[2001:db8::5]:5080", sources: [203.0.113.0/28]}}]
peers: [{{user_agent: "Old*", two_early_dialogs: false}}, {{networks: [10.9.0.0/16]}}]
failover: {{park: 2s, patience: 900ms}}
health: {{options: {{interval: 1s, burst: 9}}}}
limits: {{parked: 7}}
"""
    made = config(tmp_path, text)
    settings = plan.engine_settings(made, Keys((b"t" * 32,), b"b" * 32), 5.0)
    assert settings.nodes[0].hosts == (b"10.0.0.2",)
    assert settings.nodes[1].port == 5070
    assert settings.trunks[0].host == b"[2001:db8::5]"
    assert settings.trunks[0].port == 5080
    assert settings.trunks[0].two_early_dialogs
    old, rest = settings.peers
    assert old.agent is not None
    assert old.agent.match(b"oldphone")
    assert (old.two_early_dialogs, rest.two_early_dialogs) == (False, None)
    assert str(rest.networks[0]) == "10.9.0.0/16"
    assert settings.timing.park == 2.0
    assert settings.limits.parked == 7
    assert (settings.token_keys, settings.wall_offset) == ((b"t" * 32,), 5.0)
    control = plan.control_settings(made)
    assert (control.nodes, control.interval, control.burst) == (("a", "b"), 1.0, 9)
    assert (control.patience, control.park) == (0.9, 2.0)
