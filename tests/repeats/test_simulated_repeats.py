"""One case of what `make repeats` tries hundreds of times."""

import numpy as np
import pytest

from .simulation import Service, compared

pytestmark = pytest.mark.slow


def test_equal_services_are_not_told_apart_and_a_slower_one_is() -> None:
    rng = np.random.default_rng(5)
    alike = [each for _ in range(8) for each in compared(Service(rng), Service(rng), 3)]
    # Figures of a comparison go together, so a chance one has company.
    assert sum(each.finding.startswith("perhaps") for each in alike) <= 0.1 * len(alike)
    assert [each.metric for each in alike if each.finding in ("higher", "lower")] == []
    slower = compared(Service(rng, hours=0.02), Service(rng, slower=1.5, hours=0.02), 5)
    found = {(each.metric, each.statistic): each.finding for each in slower}
    assert found["latency", "mean"] == "higher"
    assert found["output tokens", "mean"] == "none found"
    assert found["input tokens", "mean"] == "the same"
