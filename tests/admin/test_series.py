from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from sipfront.admin import series
from sipfront.admin.series import Series
from tests.admin.fake import Pair


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(pair: Pair) -> tuple[Series, Clock]:
    clock = Clock()
    return Series(pair, clock=clock, wall=lambda: 1e9), clock


def test_rates_are_a_second(pair: Pair) -> None:
    made, clock = make(pair)
    pair.answers = {"200": 40, "486": 2}
    first = made.sample()
    assert (first["answered"], first["failed"], first["refused"]) == (None, None, None)
    clock.now += 2.0
    pair.answers = {"200": 50, "486": 3, "503": 1, "302": 1}
    second = made.sample()
    assert (second["answered"], second["failed"], second["refused"]) == (5.0, 0.5, 1.0)


def test_times_are_those_of_the_last_second(pair: Pair) -> None:
    made, _ = make(pair)
    assert made.sample()["setup_ms"] is None
    pair.times += [0.010, 0.500, 0.020]
    sample = made.sample()
    assert (sample["setup_ms"], sample["setup_max_ms"]) == (20.0, 500.0)
    assert made.sample()["setup_ms"] is None


def test_nodes_are_numbers(pair: Pair) -> None:
    made, _ = make(pair)
    pair.state = "DOWN"
    pair.active = "b"
    assert made.sample()["nodes"] == {
        "a": {"active": 0, "state": series.STATES.index("DOWN"), "rtt_ms": None},
        "b": {"active": 1, "state": series.STATES.index("DOWN"), "rtt_ms": None},
    }
    pair.state = "odd"
    assert made.sample()["nodes"]["a"]["state"] == series.STATES.index("UNKNOWN")


def test_what_is_kept_is_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = make(pair)
    for _ in range(series.MAX_SAMPLES + 5):
        made.sample()
    assert len(made.samples) == series.MAX_SAMPLES


async def test_it_is_served(client: TestClient, pair: Pair) -> None:
    got = await (await client.get("/api/v1/series?limit=1")).json()
    assert (got["instance"], len(got["samples"])) == ("one", 1)
    assert (await client.get(f"/api/v1/series?limit={series.MAX_SAMPLES + 1}")).status == 400


async def test_trunks(client: TestClient) -> None:
    got = await (await client.get("/api/v1/trunks")).json()
    assert got["trunks"][0]["ways"] == ["udp 203.0.113.5:5060"]
