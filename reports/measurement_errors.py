"""What a load run reported against what the server's own log says: the error of measurement.

The gateway writes down when a request's last byte was read, and when each chunk left. What the
client reports beyond that is the way there and back, and its own lateness.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from headrace.jobs import InputError

from .load import Floats
from .run import open_run

_LOG: dict[str, Any] = {
    "request_id": pl.String,
    "arrival_s": pl.Float64,
    "first_token_s": pl.Float64,
    "end_s": pl.Float64,
    "output_tokens": pl.Int64,
    "output_events": pl.Int64,
    "chunks": pl.List(pl.List(pl.Float64)),
}
FIGURES = ("ttft_s", "itl_s", "latency_s")


class MeasurementError(msgspec.Struct, frozen=True, kw_only=True):
    """Reported minus true, in seconds: the middle of it, and the size that 99 % don't exceed."""

    p50_s: float
    p99_s: float


class MeasurementErrors(msgspec.Struct, frozen=True, kw_only=True):
    """Measured answers that both sides know, their chunks and output tokens as the server counts
    them, and the error of each figure; None of what there isn't. `p50_s` and `p99_s` are the
    server's own figures. `late_p99_s` is how late the server's chunks left."""

    requests: int
    chunks: int
    output_tokens: int
    errors: dict[str, MeasurementError | None]
    p50_s: dict[str, float | None]
    p99_s: dict[str, float | None]
    late_p99_s: float | None


def compare_with_log(directory: Path, log: Path) -> MeasurementErrors:
    """Hold a load run's measured answers against the log of the gateway that gave them.

    Args:
        directory: the load run.
        log: the gateway's log; for gaps, one with chunks (`--log-chunks`).

    Raises:
        InputError: an answer isn't in the log, or not with as many chunks.
    """
    rows = (
        open_run(directory)
        .attempts.filter((pl.col("phase") == "measure") & pl.col("error_kind").is_null())
        .select("request_id", "ttft_s", "latency_s", "gaps_s")
        .collect()
    )
    served = pl.read_ndjson(log, schema=_LOG)
    both = rows.join(served, on="request_id", how="inner")
    if both.height != rows.height:
        raise InputError(f"{log} has {both.height} of {rows.height} answers of {directory}")
    sent = pl.col("chunks").list.eval(pl.element().list.get(1))
    last_s = pl.coalesce(sent.list.last(), "end_s")
    both = both.with_columns(
        true_ttft_s=pl.col("first_token_s") - pl.col("arrival_s"),
        true_latency_s=last_s - pl.col("arrival_s"),
        true_gaps_s=sent.list.diff(null_behavior="drop"),
    )
    late = both["chunks"].list.explode(keep_nulls=False, empty_as_null=False)
    late_s = (late.list.get(1) - late.list.get(0)).drop_nulls().to_numpy() if len(late) else None
    pairs = {
        "ttft_s": _pair(both, "ttft_s", "true_ttft_s"),
        "itl_s": _gaps(both, log),
        "latency_s": _pair(both, "latency_s", "true_latency_s"),
    }
    return MeasurementErrors(
        requests=both.height,
        chunks=int(both["output_events"].sum()),
        output_tokens=int(both["output_tokens"].sum()),
        errors={name: _error(*pair) for name, pair in pairs.items()},
        p50_s={name: _quantile(true, 0.5) for name, (_, true) in pairs.items()},
        p99_s={name: _quantile(true, 0.99) for name, (_, true) in pairs.items()},
        late_p99_s=None if late_s is None else _quantile(late_s, 0.99),
    )


def _pair(both: pl.DataFrame, reported: str, true: str) -> tuple[Floats, Floats]:
    known = both.select(reported, true).drop_nulls()
    return known[reported].to_numpy(), known[true].to_numpy()


def _gaps(both: pl.DataFrame, log: Path) -> tuple[Floats, Floats]:
    known = both.select("gaps_s", "true_gaps_s").drop_nulls()
    if (known["gaps_s"].list.len() != known["true_gaps_s"].list.len()).any():
        raise InputError(f"a stream has another number of chunks in {log} than was reported")
    reported, true = (
        known[name].list.explode(keep_nulls=False, empty_as_null=False).to_numpy()
        for name in ("gaps_s", "true_gaps_s")
    )
    return reported, true


def _error(reported: Floats, true: Floats) -> MeasurementError | None:
    if not len(reported):
        return None
    differences = reported - true
    return MeasurementError(
        p50_s=float(np.quantile(differences, 0.5)),
        p99_s=float(np.quantile(np.abs(differences), 0.99)),
    )


def _quantile(values: Floats, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None
