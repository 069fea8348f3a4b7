"""One load of the calibration, over real sockets to a gateway in a process of its own."""

from pathlib import Path

import pytest

from headrace.runner.calibration.measure import OUTPUT_TOKENS, CalibrationLoad, Loads, apart
from headrace.runner.signals import Ending


@pytest.mark.slow
def test_over_sockets_the_counts_are_the_gateways_and_no_time_is_shorter_than_its_own(
    tmp_path: Path,
) -> None:
    """What the client adds depends on the machine; that it adds and never takes away does not."""
    said: list[str] = []
    with apart() as cores:
        measured = Loads(tmp_path, cores, said.append, Ending()).run(
            CalibrationLoad(users=4, itl_s=0.001, seconds=1)
        )
    truth, figures = measured.errors_found, measured.figures
    assert said == ["4 streams, 1 ms gaps"]
    assert (figures.requests.failed, figures.requests.answered) == (0, truth.requests)
    assert truth.requests > 0
    assert truth.chunks == truth.output_tokens == truth.requests * OUTPUT_TOKENS
    gaps = figures.spread("itl_s")
    assert gaps is not None
    assert gaps.count == truth.chunks - truth.requests
    for name in ("ttft_s", "latency_s"):
        error = truth.errors[name]
        assert error is not None
        assert error.p50_s > 0
