"""The text format, held against Prometheus' own parser."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from headrace.jobs.server_pages import prometheus_text
from headrace.jobs.server_pages.prometheus_text import (
    PageParser,
    Series,
    parse_line,
    parse_value,
)

LABEL_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = st.floats() | st.integers(-(10**12), 10**12).map(float)
BLANKS = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line as a server may write it: blanks, a comma at the end, a moment after the value."""
    labels = draw(st.dictionaries(LABEL_NAMES, TEXTS, max_size=4))

    def blank() -> str:
        return draw(BLANKS)

    pairs = [
        f'{blank()}{name}{blank()}={blank()}"{escaped(value)}"{blank()}'
        for name, value in labels.items()
    ]
    comma = "," if draw(BLANKS) and pairs else ""
    braces = "{" + ",".join(pairs) + comma + "}" if draw(BLANKS) or pairs else ""
    moment: str = draw(st.sampled_from(["", " 1700000000000", "\t-5"]))
    value = draw(VALUES)
    said = {math.inf: "+Inf", -math.inf: "-Inf"}.get(
        value, "NaN" if math.isnan(value) else repr(value)
    )
    return f"{draw(NAMES)}{braces} {blank()}{said}{moment}{blank()}"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def by_prometheus(line: str) -> tuple[str, dict[str, str], float] | None:
    """What its own parser makes of a line; None where it refuses."""
    try:
        families = list(text_string_to_metric_families(line + "\n"))
    except ValueError:
        return None
    found = [sample for family in families for sample in family.samples]
    return (found[0].name, found[0].labels, found[0].value) if found else None


def ours(line: str) -> tuple[str, dict[str, str], float] | None:
    found = parse_line(line)
    return (
        None if found is None else (found.series.name, json.loads(found.series.labels), found.value)
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(lines())
def test_a_line_is_read_as_prometheus_reads_it(line: str) -> None:
    theirs, read = by_prometheus(line), ours(line)
    assert theirs is not None
    assert read is not None
    assert read[:2] == theirs[:2]
    assert read[2] == theirs[2] or math.isnan(read[2]) is math.isnan(theirs[2]) is True


class Fixed:
    """Registers families that are given."""

    def __init__(self, families: list[Any]) -> None:
        self.families = families

    def collect(self) -> list[Any]:
        return self.families


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.tuples(st.dictionaries(LABEL_NAMES, TEXTS, max_size=3), VALUES), max_size=5))
def test_a_page_of_its_library_is_read_whole_twice(
    rows: list[tuple[dict[str, str], float]],
) -> None:
    """The second time by what is known of the lines."""
    registry = CollectorRegistry(auto_describe=False)
    families: list[Any] = [GaugeMetricFamily("empty", "No values.", labels=["a"])]
    for number, (labels, value) in enumerate(rows):
        family = (GaugeMetricFamily, CounterMetricFamily)[number % 2](
            f"m{number}", "x", labels=list(labels)
        )
        family.add_metric(list(labels.values()), value)
        families.append(family)
    registry.register(Fixed(families))
    text, parser = generate_latest(registry).decode(), PageParser()
    expected = [
        (f"m{number}{'_total' * (number % 2)}", labels, value)
        for number, (labels, value) in enumerate(rows)
        if math.isfinite(value)
    ]
    for page in (parser.page(text), parser.page(text)):
        read = [
            (each.series.name, json.loads(each.series.labels), each.value) for each in page.samples
        ]
        assert read == expected
        assert page.unread == 0
    assert len(parser._known) == len(rows)


@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode(errors="replace"))
)
def test_nothing_that_a_server_sends_is_more_than_a_line_that_is_not_read(text: str) -> None:
    page = PageParser().page(text)
    assert len(page.samples) + page.unread <= text.count("\n") + 1


def test_what_is_not_a_sample_is_counted_and_the_rest_stands() -> None:
    text = (
        "# HELP a b\r\n# TYPE a gauge\r\n\r\na 1\r\n"
        'a{x="1" 2\na{x="1",x="2"} 2\na{x=1} 2\na 1_000\na one\na\n9a 1\na+b 2\na 2 x\n'
        'b_bucket{le="+Inf"} 3 # {trace_id="9f"} 0.5 1700000000.5\nc 4 1700000000.25\nd NaN\n'
    )
    page = PageParser().page(text)
    read = {(each.series.name, each.series.labels): each.value for each in page.samples}
    assert read == {("a", "{}"): 1.0, ("b_bucket", '{"le":"+Inf"}'): 3.0, ("c", "{}"): 4.0}
    assert page.unread == 9


def test_labels_that_always_change_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_text, "KNOWN_MAX", 100)
    parser = PageParser()
    for n in range(1050):
        parser.page(f'a{{n="{n}"}} 1')
    assert len(parser._known) == 50
    assert parser._known['a{n="1049"}'] == Series("a", '{"n":"1049"}')


def test_a_value_is_what_prometheus_writes() -> None:
    assert [parse_value(text) for text in ("1e3", "+Inf", "1_0", "", "0x1")] == [
        *(1000.0, math.inf, None, None, None)
    ]
