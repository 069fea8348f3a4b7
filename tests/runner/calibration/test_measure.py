"""What a calibration keeps, and what it says of a load that goes beyond it."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.reports import MeasurementErrors
from headrace.runner import Secret
from headrace.runner.calibration.measure import gateway_was_late, load_error
from headrace.runner.traffic.calibrated import (
    Calibration,
    LoadError,
    Peak,
    Together,
    as_json,
    calibration_path,
    save_calibration,
    saved_calibration,
)
from headrace.runner.traffic.calibration_warnings import calibration_warnings
from headrace.runner.traffic.options import plan

NOON = dt.datetime(2026, 6, 9, 12, tzinfo=dt.UTC)
ERROR = LoadError(
    ttft_p50_s=0.0002,
    ttft_p99_s=0.001,
    itl_p50_s=0.0,
    itl_p99_s=0.0004,
    latency_p50_s=None,
    latency_p99_s=None,
)
FOUND = Calibration(
    schema_version=1,
    headrace="0.1.0",
    machine="here",
    cores=2,
    measured_at=NOON,
    requests_per_s=Peak(most=1000.0, limit="client"),
    chunks_per_s=Peak(most=20_000.0, limit="gateway"),
    streams=Peak(most=500.0, limit="no more was tried"),
    errors={"1 stream": ERROR},
    together=Together(
        workers=2,
        requests_per_s=Peak(most=2000.0, limit="client"),
        chunks_per_s=Peak(most=40_000.0, limit="gateway"),
        streams=Peak(most=900.0, limit="client"),
    ),
)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "headrace" / "calibration.json"
    save_calibration(FOUND, path)
    assert saved_calibration(path) == FOUND
    assert path.read_bytes() == as_json(FOUND)
    assert [each.name for each in path.parent.iterdir()] == ["calibration.json"]


def test_none_and_one_of_another_version_or_damaged_are_none(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    assert saved_calibration(path) is None
    save_calibration(FOUND, path)
    path.write_bytes(path.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 2'))
    assert saved_calibration(path) is None
    path.write_bytes(b"{")
    assert saved_calibration(path) is None


def test_it_is_kept_where_the_user_keeps_such_things() -> None:
    assert calibration_path({"XDG_STATE_HOME": "/x"}) == Path("/x/headrace/calibration.json")
    assert calibration_path({}) == Path.home() / ".local/state/headrace/calibration.json"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot keep the calibration in .*; set XDG_STATE_HOME"):
        save_calibration(FOUND, tmp_path / "file" / "calibration.json")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rate": "1000/s"}, []),
        ({"rate": "1001/s"}, ["1,001 requests/s is more than the 1,000 per second"]),
        ({"stages": "0s:10/s, 10s:3000/s"}, ["3,000 requests/s is more than the 1,000 per second"]),
        ({"users": 500}, []),
        ({"users": 501}, ["501 at once is more than the 500 at once"]),
        ({"rate": "1001/s", "workers": 3}, []),  # of so many together nothing is known
        ({"rate": "1900/s", "workers": 2}, []),
        ({"rate": "2001/s", "workers": 2}, ["2,001 requests/s is more than the 2,000 per second"]),
    ],
)
def test_a_load_beyond_what_was_measured_is_warned_of(
    asked: dict[str, Any], says: list[str], tmp_path: Path
) -> None:
    there = {"duration_s": 20.0, "base_url": "http://here.test", "out": tmp_path / "x.run"}
    options: Any = {**there, **asked}
    found = calibration_warnings(FOUND, plan(options, Secret("sk-0123456789abcdef"), NOON))
    assert len(found) == len(says)
    for line, begin in zip(found, says, strict=True):
        assert line.startswith(begin)
        assert "headrace calibrate" in line


def truth(**fields: Any) -> MeasurementErrors:
    none: dict[str, Any] = dict.fromkeys(("ttft_s", "itl_s", "latency_s"))
    defaults: dict[str, Any] = {"requests": 1, "chunks": 1, "output_tokens": 1, "errors": none}
    return MeasurementErrors(
        **{**defaults, "p50_s": none, "p99_s": none, "late_p99_s": None, **fields}
    )


def test_errors_are_kept_by_figure_and_what_there_is_not_is_null() -> None:
    from headrace.reports.measurement_errors import MeasurementError

    errors = {"ttft_s": MeasurementError(p50_s=0.1, p99_s=0.2), "itl_s": None, "latency_s": None}
    found = load_error(truth(errors=errors))
    assert (found.ttft_p50_s, found.ttft_p99_s) == (0.1, 0.2)
    assert (found.itl_p50_s, found.latency_p99_s) == (None, None)


def test_the_gateway_owns_up_to_its_own_lateness() -> None:
    assert gateway_was_late(truth(late_p99_s=0.0021))
    assert not gateway_was_late(truth(late_p99_s=0.002))
    assert not gateway_was_late(truth())
