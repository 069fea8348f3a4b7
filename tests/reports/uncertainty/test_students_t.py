"""Student's t: published points, and the distribution added up from its density."""

import math

import pytest

from headrace.reports.uncertainty.students_t import incomplete_beta, t_quantile, t_tail


@pytest.mark.parametrize(
    ("share", "df", "point"),
    [
        # D. Owen, "Handbook of Statistical Tables", 1962, table 2.1.
        (0.975, 1, 12.7062),
        (0.975, 4, 2.7764),
        (0.975, 9, 2.2622),
        (0.995, 2, 9.9248),
        (0.99, 30, 2.4573),
        (0.975, 120, 1.9799),
        (0.975, 1e9, 1.9600),
    ],
)
def test_the_points_are_the_published_ones(share: float, df: float, point: float) -> None:
    assert t_quantile(share, df) == pytest.approx(point, abs=5e-5)


def added_up(t: float, df: float) -> float:
    """The area under the density from 0 to t, by Simpson's rule."""
    factor = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    steps = 2_000
    heights = [
        factor * (1 + (t * n / steps) ** 2 / df) ** (-(df + 1) / 2) for n in range(steps + 1)
    ]
    inner = 4 * math.fsum(heights[1:-1:2]) + 2 * math.fsum(heights[2:-1:2])
    return float(t / steps / 3 * (heights[0] + heights[-1] + inner))


@pytest.mark.parametrize("df", [1, 3, 7.5, 40, 400])
@pytest.mark.parametrize("t", [0.1, 1.0, 2.5, 6.0])
def test_the_tail_is_what_the_density_leaves(df: float, t: float) -> None:
    assert t_tail(t, df) == pytest.approx(0.5 - added_up(t, df), abs=1e-9)
    assert t_tail(-t, df) == pytest.approx(0.5 + added_up(t, df), abs=1e-9)


def test_a_point_and_its_tail_belong_together() -> None:
    assert t_tail(t_quantile(0.9, 5), 5) == pytest.approx(0.1, rel=1e-9)
    assert t_tail(0, 5) == 0.5


def test_the_beta_function_ends_at_0_and_1() -> None:
    assert (incomplete_beta(2, 3, 0), incomplete_beta(2, 3, 1)) == (0, 1)
    # By hand: of 4 throws with 0.4, at least 2 succeed with 0.5248.
    assert incomplete_beta(2, 3, 0.4) == pytest.approx(0.5248)
