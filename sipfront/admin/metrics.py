"""The samples of the port in the text format of Prometheus, from a registry of our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.admin.port import ControlPort, Metric

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

_KINDS: dict[str, type[Family]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}
#: Samples in one answer; labels come from configuration and reasons, never from the network.
MAX_SAMPLES = 10_000


class PortCollector(Collector):
    """Asks the port at every scrape; nothing is kept between two."""

    def __init__(self, control: ControlPort) -> None:
        self._control = control

    def collect(self) -> Iterator[Family]:
        """All families of now."""
        families: dict[str, Family] = {}
        for count, sample in enumerate(self._control.metrics()):
            if count >= MAX_SAMPLES:
                break
            _add(families, sample)
        yield from families.values()


def _add(families: dict[str, Family], sample: Metric) -> None:
    name, text, kind, labels, value = sample
    family = families.get(name)
    if family is None:
        family = families[name] = _KINDS[kind](name, text, labels=tuple(labels))
    # Families list their label names once; a sample that lacks one has it empty.
    names = family._labelnames
    its = [_clean(labels.get(label, "")) for label in names]
    if isinstance(value, tuple):
        assert isinstance(family, HistogramMetricFamily)
        buckets, total = value
        family.add_metric(its, buckets=list(buckets), sum_value=total)
    else:
        assert not isinstance(family, HistogramMetricFamily)
        family.add_metric(its, value)


def _clean(value: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", str(value))


def registry(control: ControlPort) -> CollectorRegistry:
    """A registry with the port's samples and the process's own (CPU, memory, descriptors)."""
    made = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=made)
    made.register(PortCollector(control))
    return made


def render(made: CollectorRegistry) -> bytes:
    """What a scrape gets."""
    return generate_latest(made)
