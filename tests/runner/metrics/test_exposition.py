"""Figures as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from headrace.runner.metrics import Figure, gauge
from headrace.runner.metrics.exposition import page_of


def test_the_page_is_made_anew_at_each_look_and_prometheus_reads_it() -> None:
    looks = iter((1, 2))

    def figures() -> list[Figure]:
        sent = [({"model": 'a"b\\c\nd'}, next(looks)), ({"model": ""}, 7.0)]
        return [Figure("sent", "counter", "Sent.", sent), gauge("spent", "Cost.", 0.25, of="CNY")]

    page = page_of(figures)
    first, second = page(), page()
    assert b'headrace_spent{of="CNY"} 0.25' in first
    read = [
        (sample.name, sample.labels.get("model"), sample.value)
        for family in text_string_to_metric_families(second.decode())
        for sample in family.samples
        if family.type == "counter"
    ]
    assert read == [
        ("headrace_sent_total", 'a"b\\c\nd', 2.0),
        ("headrace_sent_total", "", 7.0),
    ]


def test_a_figure_without_values_is_named_all_the_same() -> None:
    page = page_of(lambda: [Figure("errors", "counter", "Failures.", [])])
    assert b"# TYPE headrace_errors_total counter" in page()
