from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipfront.config import ConfigError, load, parse, state_folder
from tests.config.build import config, problems, said, text

BROKEN = """\
front:
  listen:
    - udp://0.0.0.0:5060
    - udp://[::1:5060
  inside: udp://10.0.0.1:5060
  domians: [x]
  tls: {certificate: /nowhere.pem}
nodes:
  - {name: a, uri: "sip:10.0.0.11"}
  - {name: a, uri: "sip:10.0.0.12"}
health: {options: {interval: 5, burst: many}}
health:
leases: []
log:
  format: xml
"""


EXPECTED = """\
x.yaml:4:7: front.listen[1]: '[::1:5060' is not an IPv6 address in brackets
x.yaml:5:11: front.inside.local: the outside listener udp://0.0.0.0:5060 covers this address and \
port, so outsiders could come in here: use another port, or say shared: true
x.yaml:6:3: front.domians: is not a key that is known here; is it domains?
x.yaml:7:8: front.tls.key: is missing: a certificate and its key belong together
x.yaml:7:22: front.tls.certificate: /nowhere.pem cannot be read: No such file or directory
x.yaml:10:12: nodes[1].name: both nodes are called a
x.yaml:11:30: health.options.interval: '5' is not a duration: write a number and ms, s, m, h or d (3s)
x.yaml:11:40: health.options.burst: must be a whole number
x.yaml:12:1: health: stands here twice (first in line 11)
x.yaml:13:1: leases: this key is known, but not available in this version: one front decides alone
x.yaml:15:11: log.format: must be 'text' or 'json'
"""


def test_everything_at_once_and_each_at_its_place() -> None:
    assert problems(BROKEN) == EXPECTED.splitlines()


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("[]", "x.yaml:1:1: must be a mapping (key: value)"),
        ("a", "x.yaml:1:1: must be a mapping (key: value)"),
        ("a: 1", "x.yaml:1:1: front: is missing"),
        ("front: 3", "x.yaml:1:1: nodes: is missing"),
        ("nodes: 3\n", "x.yaml:1:1: front: is missing"),
    ],
)
def test_what_is_no_configuration_at_all(source: str, first: str) -> None:
    assert problems(source)[0] == first


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"nodes": []}, "nodes: a pair has exactly two nodes, not 0"),
        ({"nodes": [{"name": "a"}] * 2}, "nodes[0].uri: is missing"),
        ({"nodes": "x"}, "nodes: must be a list"),
        ({"front__listen": {"at": "x"}}, "front.listen: must be a list"),
        ({"front__listen": [3]}, "front.listen[0]: '3' is not an address"),
        ({"front__listen": [["x"]]}, "front.listen[0]: must be a mapping"),
        ({"limits": {"forks": 0}}, "limits.forks: must be at least 1"),
        ({"limits": {"forks": 101}}, "limits.forks: must be at most 100"),
        ({"limits": {"forks": "a"}}, "limits.forks: must be a whole number"),
        ({"limits": {"forks": []}}, "limits.forks: must be a whole number"),
        ({"failover": {"hedge": "maybe"}}, "failover.hedge: must be true or false"),
        ({"failover": {"park": "1m"}}, "failover.park: must be between 100ms and 30s"),
        ({"keys": []}, "keys: must be a path"),
        ({"keys": " "}, "keys: must be a path"),
        ({"admin": {"listen": "https://127.0.0.1"}}, "admin.listen: https:// is not understood"),
        ({"log": {"colour": 1}}, "log.colour: is not a key that is known here"),
        ({"failover": {"holddown": "1m"}}, "failover.holddown: is not a key .* is it hold_down"),
        ({"trunks": [{"nmae": "x", "uri": "sip:10.9.9.9"}]}, r"trunks\[0\].nmae: .* is it name"),
    ],
)
def test_sentences(change: dict[str, object], what: str) -> None:
    lines = said(**change)
    assert any(what in line or re.search(what, line) for line in lines), lines


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"store": "redis://127.0.0.1"}, "store"),
        ({"leases": {"at": "x"}}, "leases"),
    ],
)
def test_what_comes_later_is_refused_in_words(change: dict[str, object], key: str) -> None:
    assert [line for line in said(**change) if line.startswith(f"{key}: ")]
    assert "not available in this version" in " ".join(said(**change))


def test_what_is_broken_is_not_checked_on() -> None:
    """A check that would read a broken value stays silent: no error that is only an echo."""
    assert said(front__tls={"certificate": []}) == ["front.tls.certificate: must be a path"]
    assert said(nodes=[{"name": "a", "uri": "x"}, {"name": "a", "uri": "sip:10.0.0.12"}]) == [
        "nodes[0].uri: 'x' is not a SIP URI: write it as sip:10.0.0.11:5060"
    ]


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sipfront.yaml"
    file.write_text(text(front__tls={"authorities": "ca.pem"}))
    with pytest.raises(ConfigError, match=f"{tmp_path}/ca.pem cannot be read"):
        load(file)
    file.write_text(text(front__inside={"local": "udp://10.0.0.1:5062", "shared": "true"}))
    made, warnings = load(str(file))
    assert made.front.inside.shared
    assert warnings == ()


@pytest.mark.parametrize("name", ["nowhere.yaml", ".", "a/b"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=":1:1: cannot be read: "):
        load(tmp_path / name)


def test_paths_count_from_the_file_and_from_the_state_folder() -> None:
    made, _ = parse(text(keys="k"), "x", Path("/etc/sipfront"), Path("/var/lib/x"))
    assert made.keys == Path("/var/lib/x/k")


def test_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/other")
    assert state_folder() == tmp_path
    assert config().keys == Path("/state/keys")


_SCALARS = st.none() | st.text("a0:/.[]-", max_size=8) | st.integers() | st.booleans()
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    path=st.sampled_from(
        [
            "front",
            "front__listen",
            "front__inside",
            "front__tls",
            "nodes",
            "trunks",
            "limits",
            "keys",
            "health__options",
            "failover__park",
            "admin",
            "log",
            "store",
            "front__emergency",
        ]
    ),
    value=_VALUES,
)
def test_any_value_ends_in_a_configuration_or_in_sentences(path: str, value: object) -> None:
    for line in problems(text(**{path: value})):
        assert line.startswith("x.yaml:")
        assert "\n" not in line
