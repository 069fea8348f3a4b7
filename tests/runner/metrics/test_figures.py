"""The figures that every run has."""

import math
from decimal import Decimal

from headrace.runner.metrics import Pace


def test_the_end_of_the_money_is_told_by_the_pace_of_ten_minutes() -> None:
    pace = Pace(0.0, Decimal(0))
    assert pace.left_s(Decimal(10), 0.0, Decimal(0)) == math.inf
    assert pace.left_s(Decimal(10), 100.0, Decimal(1)) == 900.0
    # What was slow at first doesn't count once it is ten minutes ago.
    for at_s in range(200, 1000, 100):
        pace.left_s(Decimal(10), float(at_s), Decimal(1))
    assert pace.left_s(Decimal(10), 1000.0, Decimal(4)) == 6 / 3 * 600.0
    assert pace.left_s(Decimal(4), 1001.0, Decimal(4)) == 0.0


def test_no_more_samples_are_kept_than_seconds_however_often_one_looks() -> None:
    pace = Pace(0.0, Decimal(0))
    for n in range(100_000):
        pace.left_s(Decimal(10), n / 100, Decimal(0))
    assert len(pace._samples) <= 602
