"""What a load run reports, held against the gateway's own log: counts to the last one, times to the
microsecond in virtual time."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from trio.testing import MockClock

from headrace.gateway import Gateway, TimeDistribution
from headrace.jobs import InputError
from headrace.reports import compare_with_log, summarise

from .conftest import Loaded, Traffic

# Times to the first token of 50 to 250 ms and gaps of 5 to 40 ms, drawn anew for each.
LATENCY = {
    "ttft_s": TimeDistribution("uniform", 0.05, 0.25),
    "itl_s": TimeDistribution("uniform", 0.005, 0.04),
}


def written(gateway: Gateway, path: Path) -> Path:
    """The gateway's log, as `--log` writes it."""
    lines = []
    for row in gateway.log_rows:
        fields = msgspec.structs.asdict(row) | {"charge": f"{row.charge:f}"}
        lines.append(msgspec.json.encode(fields))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


async def loaded(traffic: Traffic, **asked: Any) -> tuple[Loaded, Gateway]:
    gateway = traffic.gateway(log_chunks=True, **LATENCY)
    ran = await traffic.on(
        gateway,
        rate="10/s",
        arrivals="poisson",
        duration_s=4.0,
        warmup_s=1.0,
        output_tokens="uniform:2:20",
        **asked,
    )
    return ran, gateway


@pytest.mark.slow
async def test_every_figure_is_the_servers_own(
    traffic: Traffic, tmp_path: Path, autojump_clock: MockClock
) -> None:
    ran, gateway = await loaded(traffic)
    truth = compare_with_log(ran.directory, written(gateway, tmp_path / "log.jsonl"))
    for name in ("ttft_s", "itl_s", "latency_s"):
        error = truth.errors[name]
        assert error is not None
        assert abs(error.p50_s) < 1e-9
        assert error.p99_s < 1e-9
    summary = summarise(ran.directory)
    assert summary.load is not None
    for name, since in (("ttft_s", "sent"), ("itl_s", None), ("latency_s", "sent")):
        spread = summary.load.spread(name, since)
        assert spread is not None
        assert spread.percentile("p50").value == pytest.approx(truth.p50_s[name], abs=1e-9)
        assert spread.percentile("p99").value == pytest.approx(truth.p99_s[name], abs=1e-9)


@pytest.mark.slow
async def test_requests_chunks_and_tokens_are_counted_as_the_server_counts_them(
    traffic: Traffic, tmp_path: Path, autojump_clock: MockClock
) -> None:
    ran, gateway = await loaded(traffic)
    posts = [row for row in gateway.log_rows if row.method == "POST"]
    attempts = ran.attempts
    assert attempts.height == len(posts)
    assert attempts["input_tokens"].sum() == sum(row.input_tokens for row in posts)
    assert attempts["output_tokens"].sum() == sum(row.output_tokens for row in posts)
    chunks = attempts["gaps_s"].list.len().sum() + attempts["ttft_s"].count()
    assert chunks == sum(row.output_events for row in posts)
    assert set(attempts["request_id"]) == {row.request_id for row in posts}
    truth = compare_with_log(ran.directory, written(gateway, tmp_path / "log.jsonl"))
    measured = attempts.filter(pl.col("phase") == "measure")
    assert (truth.requests, truth.output_tokens) == (
        measured.height,
        measured["output_tokens"].sum(),
    )
    assert truth.chunks == truth.output_tokens


async def test_answers_without_streams_have_a_latency_alone(
    traffic: Traffic, tmp_path: Path, autojump_clock: MockClock
) -> None:
    ran, gateway = await loaded(traffic, stream=False)
    truth = compare_with_log(ran.directory, written(gateway, tmp_path / "log.jsonl"))
    assert (truth.errors["ttft_s"], truth.errors["itl_s"]) == (None, None)
    assert truth.errors["latency_s"] is not None
    assert truth.errors["latency_s"].p99_s < 1e-9


@pytest.mark.slow
async def test_an_error_of_the_client_shows_with_its_size(
    traffic: Traffic, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A client that would report 3 ms too much for each first token."""
    ran, gateway = await loaded(traffic)
    for part in (ran.directory / "attempts").glob("*.parquet"):
        late = pl.read_parquet(part).with_columns(pl.col("ttft_s") + 0.003)
        late.write_parquet(part)
    error = compare_with_log(ran.directory, written(gateway, tmp_path / "log")).errors["ttft_s"]
    assert error is not None
    assert [error.p50_s, error.p99_s] == pytest.approx([0.003, 0.003])


@pytest.mark.slow
async def test_an_answer_that_is_in_no_log_is_refused(
    traffic: Traffic, tmp_path: Path, autojump_clock: MockClock
) -> None:
    ran, gateway = await loaded(traffic)
    log = written(gateway, tmp_path / "log.jsonl")
    log.write_bytes(b"\n".join(log.read_bytes().splitlines()[:-5]) + b"\n")
    with pytest.raises(InputError, match="answers of"):
        compare_with_log(ran.directory, log)
