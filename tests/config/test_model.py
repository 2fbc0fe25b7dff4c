from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from sipfront.config import Config
from sipfront.config.values import Advertised, Endpoint
from tests.config.build import RIGHT, config


def test_defaults() -> None:
    made = config()
    assert made.failover.park == 3.0
    assert made.health.options.interval == 0.5
    assert made.limits.bindings == 200_000
    assert made.front.emergency == ("112", "911", "110")
    assert made.keys == Path("/state/keys")
    assert made.admin.token_file == Path("/state/token")
    assert made.admin.listen == Endpoint("http", "127.0.0.1", 8060)


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config().log.level = "debug"  # type: ignore[misc]


def test_it_can_be_made_without_a_file() -> None:
    assert Config.model_validate(RIGHT).keys == Path("keys")


def test_short_and_long_forms() -> None:
    long = config(
        front__listen=[{"at": "udp://10.0.0.1:5060"}],
        front__inside={"local": "udp://10.0.0.1:5062"},
    )
    assert long == config()
    assert long.front.inside.addresses == (Endpoint("udp", "10.0.0.1", 5062),)


def test_two_insides() -> None:
    inside = {"local": "udp://10.0.0.1:5062", "remote": "udp://10.0.0.1:5063"}
    two = config(front__inside=inside, front__local_networks=["10.0.0.0/8"]).front.inside
    assert [at.port for at in two.addresses] == [5062, 5063]


def test_what_peers_are_told() -> None:
    front = config(
        front__listen=[
            "udp://10.0.0.1:5060",
            {"at": "tcp://10.0.0.1:5060", "advertise": "10.9.9.9:5090"},
        ],
        front__advertise="10.8.8.8",
    ).front
    told = [front.advertised(listen) for listen in front.listen]
    assert told == [Advertised("10.8.8.8", 5060), Advertised("10.9.9.9", 5090)]
    alone = config().front
    assert alone.advertised(alone.listen[0]) == Advertised("10.0.0.1", 5060)


def test_where_trunks_call_from() -> None:
    trunks = config(
        trunks=[
            {"name": "a", "uri": "sip:203.0.113.5"},
            {"name": "b", "uri": "sip:sip.example.com", "sources": ["203.0.113.16/28"]},
        ]
    ).trunks
    assert trunks[0].networks == (ip_network("203.0.113.5/32"),)
    assert trunks[1].networks == (ip_network("203.0.113.16/28"),)
    assert trunks[0].register_ == "none"


def test_an_empty_section_means_its_defaults() -> None:
    assert config(limits=None, trunks=None, failover={"park": None}) == config()


def test_numbers_are_what_was_written() -> None:
    assert config(front__emergency=["000", "112"]).front.emergency == ("000", "112")
    assert config(limits__forks="3").limits.forks == 3
    assert config(failover__hedge="off").failover.hedge is False


def test_paths() -> None:
    context = {"base": "/etc/sipfront", "state": "/state"}
    data = dict(
        RIGHT, keys="/somewhere/keys", front=dict(RIGHT["front"], tls={"key": "tls/key.pem"})
    )
    made = Config.model_validate(data, context=context)
    assert made.keys == Path("/somewhere/keys")
    assert made.front.tls.key == Path("/etc/sipfront/tls/key.pem")
