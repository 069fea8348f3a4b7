"""Figures as the text that Prometheus reads, by its own library."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from .figures import Figure

PREFIX = "headrace_"


class FigureCollector(Collector):
    """Asks for the figures at each collection: nothing is kept between two."""

    def __init__(self, figures: Callable[[], Iterable[Figure]]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """A family for each figure."""
        for figure in self._figures():
            names = list(figure.values[0][0]) if figure.values else []
            of_kind = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
            family = of_kind(PREFIX + figure.name, figure.text, labels=names)
            for labels, value in figure.values:
                family.add_metric([labels[name] for name in names], value)
            yield family


def page_of(figures: Callable[[], Iterable[Figure]]) -> Callable[[], bytes]:
    """What makes the page of these figures, as they are when it is called."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FigureCollector(figures))
    return lambda: generate_latest(registry)
