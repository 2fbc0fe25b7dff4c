from __future__ import annotations

from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from sipfront.admin.metrics import MAX_SAMPLES, registry, render
from tests.admin.fake import Pair


async def test_the_text_can_be_read_by_prometheus(client: TestClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {
        family.name: family for family in text_string_to_metric_families(await answer.text())
    }
    assert families["sipfront_epoch"].samples[0].value == 1
    drops = families["sipfront_dropped"]
    assert drops.type == "counter"
    assert {s.labels["reason"]: s.value for s in drops.samples if s.name.endswith("_total")} == {
        "garbage": 3,
        "x?y": 4,
    }
    assert "process_resident_memory_bytes" in families


def test_two_fronts_do_not_share_a_registry() -> None:
    first, second = Pair(), Pair()
    second.samples = [("sipfront_epoch", "the epoch", "gauge", {}, 7.0)]
    assert b"sipfront_epoch 1.0" in render(registry(first))
    assert b"sipfront_epoch 7.0" in render(registry(second))


def test_labels_may_be_missing_and_odd() -> None:
    pair = Pair()
    pair.samples = [
        ("sipfront_x", "x", "gauge", {"node": "a", "why": "\ud800"}, 1.0),
        ("sipfront_x", "x", "gauge", {"node": "b"}, float("inf")),
    ]
    text = render(registry(pair)).decode()
    assert 'sipfront_x{node="a",why="?"} 1.0' in text
    assert 'sipfront_x{node="b",why=""} +Inf' in text


def test_a_scrape_is_bounded() -> None:
    pair = Pair()
    pair.samples = [
        ("sipfront_x", "x", "gauge", {"n": str(n)}, 1.0) for n in range(MAX_SAMPLES + 9)
    ]
    assert render(registry(pair)).count(b"sipfront_x{") == MAX_SAMPLES


def test_a_histogram_has_buckets_a_sum_and_a_count() -> None:
    pair = Pair()
    buckets = (("0.1", 2.0), ("+Inf", 3.0))
    pair.samples = [("sipfront_t_seconds", "t", "histogram", {"node": "a"}, (buckets, 1.5))]
    text = render(registry(pair)).decode()
    assert "# TYPE sipfront_t_seconds histogram" in text
    assert 'sipfront_t_seconds_bucket{le="0.1",node="a"} 2.0' in text
    assert 'sipfront_t_seconds_count{node="a"} 3.0' in text
    assert 'sipfront_t_seconds_sum{node="a"} 1.5' in text
