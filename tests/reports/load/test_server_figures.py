"""What the server said of itself, by the names that its metrics are known by."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import (
    InputError,
    ScrapeFacts,
    ServerReading,
    packed_page,
    page_frame,
    row_frame,
)
from headrace.reports import summarise
from headrace.reports.load import LoadFigures, ServerSeries, server_lines
from headrace.reports.load.server_figures import POINTS_MAX
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import BEGIN_S, LoadMaker, facts


def reading(seconds: float, name: str, value: float, labels: str = "{}") -> ServerReading:
    return ServerReading(at=at(seconds), name=name, labels=labels, value=value)


def figures(made: RunMaker, *rows: ServerReading, **scrape: int) -> LoadFigures:
    """A load run of ten measured seconds, from 2 s on, with these readings beside it."""
    counts = {"readings": 13, "failed": 0, "rows": len(rows), **scrape}
    made.load = facts(scrape=ScrapeFacts(**counts, reasons={"HTTP 503": 1}))
    LoadMaker(made).fill(50)
    directory = made.write()
    row_frame(ServerReading, rows).write_parquet(directory / "server.parquet")
    found = summarise(directory).load
    assert found is not None
    return found


def only(found: LoadFigures, what: str) -> ServerSeries:
    (series,) = [each for each in found.server if each.what == what]
    return series


def points(series: ServerSeries) -> list[tuple[float, float]]:
    return [(each.at_s, each.value) for each in series.points]


def test_gauges_are_summed_over_their_labels_and_shares_are_the_largest(made: RunMaker) -> None:
    rows = [
        reading(second, name, value, labels)
        for second in (1.0, 3.0, 5.0)
        for labels, running, full in (('{"engine":"0"}', second, 0.2), ('{"engine":"1"}', 1.0, 0.6))
        for name, value in (
            ("vllm:num_requests_running", running),
            ("vllm:kv_cache_usage_perc", full),
        )
    ]
    found = figures(made, *rows, reading(3.0, "vllm:unknown", 9.0))
    running = only(found, "running")
    assert points(running) == [(-1.0, 2.0), (1.0, 4.0), (3.0, 6.0)]
    assert (running.mean, running.peak) == (5.0, 6.0)  # of the measured window
    assert only(found, "kv_cache").mean == pytest.approx(0.6)
    assert only(found, "kv_cache").metric == "vllm:kv_cache_usage_perc"
    assert {each.what for each in found.server} == {"running", "kv_cache"}


def test_counters_are_rates_over_the_time_between_and_one_that_falls_is_passed_over(
    made: RunMaker,
) -> None:
    totals = ((2.0, 100.0), (3.0, 110.0), (5.0, 150.0), (6.0, 5.0), (7.0, 9.0))
    name = "llamacpp:tokens_predicted_total"
    found = only(
        figures(made, *(reading(at_s, name, value) for at_s, value in totals)), "output_tokens"
    )
    assert points(found) == [(1.0, 10.0), (3.0, 20.0), (5.0, 4.0)]
    assert found.mean == pytest.approx((10 + 40 + 4) / 4)
    assert found.peak == 20.0


def test_a_long_run_has_no_more_points_than_a_chart_can_show(made: RunMaker) -> None:
    rows = [reading(n / 50, "sglang:num_running_reqs", float(n % 2)) for n in range(600)]
    found = only(figures(made, *rows), "running")
    assert 2 < len(found.points) <= POINTS_MAX
    assert found.mean == pytest.approx(0.5)
    assert {each.value for each in found.points} == {0.5}


def test_the_lines_say_what_was_read_and_what_it_means(made: RunMaker) -> None:
    rows = [
        reading(BEGIN_S + n, name, value * (n if "total" in name else 1.0))
        for n in range(4)
        for name, value in (
            ("vllm:num_requests_running", 7.25),
            ("vllm:num_requests_waiting", 0.0),
            ("vllm:gpu_cache_usage_perc", 0.43),
            ("vllm:prompt_tokens_total", 4000.0),
            ("vllm:generation_tokens_total", 31.5),
            ("vllm:num_preemptions_total", 2.0),
        )
    ]
    assert server_lines(figures(made, *rows, failed=1, unread=2)) == [
        "the server's metrics were read 12 times; 1 reading failed (HTTP 503); "
        "2 lines could not be understood",
        "the server: 7.25 running on average (peak 7.25); 0 waiting on average (peak 0); "
        "KV cache 43% full (peak 43%); 2 preemptions per second; "
        "tokens per second: 4,000 in, 31.5 out",
    ]


def test_metrics_that_nobody_knows_are_in_the_table_and_nothing_is_said_without_any(
    made: RunMaker,
) -> None:
    assert server_lines(figures(made, reading(3.0, "own:queue", 1.0)))[1] == (
        "none of the server's metrics are known by name; they are in server.parquet"
    )


def test_without_a_scrape_there_is_nothing_of_it(made: RunMaker) -> None:
    made.load = facts()
    LoadMaker(made).fill(50)
    found = summarise(made.write()).load
    assert found is not None
    assert (found.server, server_lines(found)) == ([], [])


def too_many() -> pl.DataFrame:
    """More readings than any run writes."""
    fields = {"at": at(3.0), "name": "a", "labels": "{}", "value": 1.0}
    one = pl.DataFrame({name: [value] for name, value in fields.items()})
    one = one.with_columns(pl.col("at").dt.cast_time_unit("us"))
    return one.select(pl.all().first().repeat_by(2_000_000).explode())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: pl.DataFrame({"at": [1]}),
        lambda: row_frame(ServerReading, [reading(3.0, "a", float("nan"))]),
        too_many,
    ],
)
def test_a_table_that_no_run_wrote_is_a_line(
    made: RunMaker, tmp_path: Path, spoil: Callable[[], pl.DataFrame]
) -> None:
    made.load = facts(scrape=ScrapeFacts(readings=1, failed=0))
    LoadMaker(made).fill(50)
    directory = made.write()
    spoil().write_parquet(directory / "server.parquet", compression="zstd")
    with pytest.raises(InputError, match=r"server\.parquet"):
        summarise(directory)


def test_pages_that_a_killed_run_left_are_read_as_they_are(made: RunMaker) -> None:
    """Nothing that was read is lost; there is no table, and run.json knows of no reading."""
    made.load = facts(measure_to=None, ended=None, machine=None)
    LoadMaker(made).fill(20)
    directory = made.write()
    name = "vllm:num_requests_running"
    pages = [f"{name} {n}\nother{{}} 1\nnonsense\n".encode() for n in (4, 6)]
    frames = [page_frame(at(3.0 + n), packed_page(page)) for n, page in enumerate(pages)]
    (directory / "server.spool").write_bytes(b"".join(frames) + frames[0][:-1])
    found = summarise(directory).load
    assert found is not None
    assert points(only(found, "running")) == [(1.0, 4.0), (2.0, 6.0)]
    assert found.facts.scrape == ScrapeFacts(readings=2, failed=0, rows=4, unread=2)
    assert server_lines(found) == [
        "the server's metrics were read 2 times; 2 lines could not be understood",
        "the server: 5 running on average (peak 6)",
    ]
    row_frame(ServerReading, [reading(3.0, name, 9.0)]).write_parquet(directory / "server.parquet")
    sealed = summarise(directory).load
    assert sealed is not None
    assert points(only(sealed, "running")) == [(1.0, 9.0)]


def test_damaged_pages_end_a_report_in_a_line(made: RunMaker) -> None:
    made.load = facts()
    LoadMaker(made).fill(20)
    directory = made.write()
    (directory / "server.spool").write_bytes(page_frame(at(3.0), b"junk"))
    with pytest.raises(InputError, match=r"server\.spool is damaged .* remove it"):
        summarise(directory)
