from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.config.build import said

INSIDE = "udp://10.0.0.1:5062"


def pair(first: str, second: str) -> list[dict[str, str]]:
    return [{"name": "pbx-a", "uri": first}, {"name": "pbx-b", "uri": second}]


def test_right_is_silent() -> None:
    assert said() == []


@pytest.mark.parametrize(
    "outside", ["udp://10.0.0.1:5062", "tcp://10.0.0.1:5062", "udp://0.0.0.0:5062"]
)
def test_an_outsider_cannot_come_in_by_the_inside_address(outside: str) -> None:
    line = said(front__listen=[outside], front__advertise="10.0.0.1")[0]
    assert line.startswith(f"front.inside.local: the outside listener {outside} covers this")
    shared = {"local": INSIDE, "shared": True}
    assert said(front__listen=[outside], front__advertise="10.0.0.1", front__inside=shared) == []


def test_the_remote_inside_address_is_covered_too() -> None:
    inside = {"local": INSIDE, "remote": "udp://10.0.0.1:5060"}
    lines = said(front__inside=inside, front__local_networks=["10.0.0.0/8"])
    assert [line.partition(":")[0] for line in lines] == ["front.inside.remote"]


@pytest.mark.parametrize(
    "outside", ["udp://10.0.0.1:5060", "udp://0.0.0.0:5060", "udp://[::]:5062"]
)
def test_other_ports_and_families_are_free(outside: str) -> None:
    advertise = "2001:db8::1" if "::" in outside else "10.0.0.1"
    lines = said(front__listen=[outside], front__advertise=advertise)
    assert [line for line in lines if "warning" not in line] == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"front__listen": []}, "front.listen: at least one listener"),
        (
            {"front__listen": ["udp://10.0.0.1:5060"] * 2},
            "front.listen[1]: udp://10.0.0.1:5060 has",
        ),
        (
            {"front__listen": ["tcp://10.0.0.1:5060", "tls://10.0.0.1:5060"]},
            "front.listen[1]: tcp://10.0.0.1:5060 is a stream on this port",
        ),
        (
            {"front__listen": ["udp://0.0.0.0:5060"]},
            "front.listen[0]: udp://0.0.0.0:5060 is a wildcard",
        ),
        (
            {"front__advertise": "sip.example.com"},
            "front.advertise: sip.example.com is a name: udp",
        ),
        ({"front__advertise": "0.0.0.0"}, "front.advertise: 0.0.0.0 is not an address that peers"),
        ({"front__advertise": "2001:db8::1"}, "warning: front.advertise: [2001:db8::1] is IPv6"),
        ({"front__inside": "udp://0.0.0.0:5062"}, "front.inside.local: must be one address"),
        (
            {"front__inside": {"local": INSIDE, "remote": "tcp://10.0.0.2:5062"}},
            "front.inside.remote: local and remote must have one transport",
        ),
        (
            {"front__inside": {"local": INSIDE, "remote": "udp://10.0.0.2:5062"}},
            "warning: front.inside.remote: without front.local_networks",
        ),
        ({"front__local_networks": ["10.0.0.0/8"]}, "warning: front.local_networks: has no effect"),
        (
            {"front__listen": ["tls://10.0.0.1"]},
            "front.tls.certificate: is missing: tls://10.0.0.1",
        ),
        ({"front__listen": ["tls://10.0.0.1"]}, "front.tls.key: is missing: tls://10.0.0.1"),
        ({"front__tls": {"key": "/nowhere"}}, "front.tls.key: /nowhere cannot be read"),
        ({"nodes": pair("sip:10.0.0.11", "sip:10.0.0.11:5060")}, "nodes[1].uri: pbx-a has this"),
        ({"nodes": pair("sip:a.example", "sip:10.0.0.11")}, "nodes[0].uri: a.example is a name"),
        ({"nodes": pair("sip:0.0.0.0", "sip:10.0.0.11")}, "nodes[0].uri: 0.0.0.0 is not"),
        ({"nodes": pair("sip:[2001:db8::1]", "sip:10.0.0.11")}, "nodes[0].uri: is IPv6, but"),
        (
            {"nodes": pair("sip:10.0.0.1:5062", "sip:10.0.0.11")},
            "nodes[0].uri: udp://10.0.0.1:5062",
        ),
        (
            {"nodes": pair("sip:10.0.0.12;transport=tcp", "sips:10.0.0.11")},
            "nodes: one node by tcp and one by tls",
        ),
        ({"failover": {"park": "500ms"}}, "failover.park: must be longer than patience"),
        ({"failover": {"rescue_after": "500ms"}}, "failover.rescue_after: must not be shorter"),
        ({"health": {"options": {"timeout": "10s"}}}, "warning: health.options.timeout: is much"),
        ({"admin": {"listen": "http://10.0.0.1:8060"}}, "warning: admin.listen: is not loopback"),
        (
            {"front__listen": ["tcp://127.0.0.1:8060", "udp://10.0.0.1:5060"]},
            "admin.listen: tcp://127.0.0.1:8060 has this address",
        ),
    ],
)
def test_sentences(change: dict[str, object], what: str) -> None:
    lines = said(**change)
    assert any(line.startswith(what) for line in lines), lines


def trunk(name: str, uri: str, **more: object) -> dict[str, object]:
    return {"name": name, "uri": uri, **more}


@pytest.mark.parametrize(
    ("trunks", "what"),
    [
        (
            [trunk("a", "sip:192.0.2.1"), trunk("a", "sip:192.0.2.2")],
            "trunks[1].name: trunks[0] has this name too",
        ),
        ([trunk("a", "sip:sip.example.com")], "trunks[0].sources: a is reached by name"),
        ([trunk("a", "sips:192.0.2.1")], "trunks[0].uri: needs a tls:// listener"),
        ([trunk("a", "sip:10.0.0.11")], "trunks[0].sources: covers the node 10.0.0.11"),
        (
            [trunk("a", "sip:192.0.2.1", sources=["10.0.0.0/8"])],
            "trunks[0].sources: covers the node 10.0.0.11",
        ),
        (
            [trunk("a", "sip:192.0.2.1"), trunk("b", "sip:192.0.2.1:5080")],
            "warning: trunks[1].sources: 192.0.2.1/32 is a source of a too",
        ),
        (
            [trunk("a", "sip:192.0.2.1"), trunk("b", "sip:192.0.2.1:5080")],
            "warning: trunks[1].uri: 192.0.2.1 is a too",
        ),
    ],
)
def test_trunks(trunks: list[dict[str, object]], what: str) -> None:
    lines = said(trunks=trunks)
    assert any(line.startswith(what) for line in lines), lines


@pytest.mark.parametrize(
    ("advertise", "nodes", "what"),
    [
        ("198.41.0.4", ("sip:10.0.0.11", "sip:10.0.0.12"), "audio cannot work from the internet"),
        (
            "10.0.0.1",
            ("sip:127.0.0.11", "sip:127.0.0.12"),
            "audio cannot work: 127.0.0.11 is loopback",
        ),
        ("2001:db8::1", ("sip:10.0.0.11", "sip:10.0.0.12"), "audio cannot work: 10.0.0.11 is IPv4"),
    ],
)
def test_where_audio_cannot_work(advertise: str, nodes: tuple[str, str], what: str) -> None:
    lines = [
        line for line in said(front__advertise=advertise, nodes=pair(*nodes)) if "audio" in line
    ]
    assert len(lines) == 2
    assert lines[0].startswith(f"warning: nodes[0].uri: {what}")


def test_two_inside_addresses_are_the_way_out() -> None:
    lines = said(
        front__advertise="198.41.0.4",
        front__inside={"local": INSIDE, "remote": "udp://10.0.0.2:5062"},
        front__local_networks=["10.0.0.0/8"],
    )
    assert lines == []


def make_certificate(folder: Path, name: str, *more: str) -> tuple[str, str]:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-subj", f"/CN={name}", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *(more or ("-nodes",))], check=True, capture_output=True)
    return str(certificate), str(key)


def test_certificates(tmp_path: Path) -> None:
    first, key = make_certificate(tmp_path, "first")
    second, other = make_certificate(tmp_path, "second")
    locked, locked_key = make_certificate(tmp_path, "locked", "-passout", "pass:secret")
    garbage = tmp_path / "garbage"
    garbage.write_text("no PEM at all\n")
    tls = ["tls://10.0.0.1"]

    def lines(certificate: object, its_key: object, authorities: object = first) -> list[str]:
        files = {"certificate": certificate, "key": its_key, "authorities": authorities}
        return said(front__listen=tls, front__tls=files)

    assert lines(first, key) == []
    assert "do not belong together" in lines(first, other)[0]
    assert "cannot be loaded" in lines(str(garbage), key)[0]
    assert "has a password" in lines(locked, locked_key)[0]
    assert "cannot be read: Is a directory" in lines(str(tmp_path), key)[0]
    assert "holds no certificates" in lines(second, other, str(garbage))[0]
