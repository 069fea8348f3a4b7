"""Which rows are chosen: where, sample, limit, in this order."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headrace.jobs import InputError
from headrace.jobs.datasets import choose, open_table
from headrace.jobs.records import Selection

ROWS = 100


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    pl.DataFrame({"n": range(ROWS), "t": ["x", None] * (ROWS // 2)}).write_csv(path)
    return path


def chosen(path: Path, **selection: Any) -> list[int]:
    found = choose(open_table(str(path)), Selection(**selection))
    return [row for row in range(ROWS + 10) if row in found]


def test_all_rows_are_chosen_by_default_and_the_first_by_a_limit(table: Path) -> None:
    assert chosen(table) == list(range(ROWS + 10))
    assert chosen(table, limit=3) == [0, 1, 2]


def test_a_condition_judges_typed_columns_and_null_is_no(table: Path) -> None:
    assert chosen(table, where="n >= 97") == [97, 98, 99]
    assert chosen(table, where="n < 4 and t = 'x'") == [0, 2]
    assert chosen(table, where="t is null and n < 4") == [1, 3]
    assert chosen(table, where="n in (3, 4) and lower(t) = 'x'") == [4]
    assert chosen(table, where="n < 10", limit=2) == [0, 1]


def test_a_sample_keeps_the_order_and_is_the_same_for_a_seed(table: Path) -> None:
    drawn = chosen(table, sample=10, seed=1)
    assert drawn == sorted(drawn)
    assert len(drawn) == 10
    assert chosen(table, sample=10, seed=1) == drawn
    assert chosen(table, sample=10, seed=2) != drawn
    assert chosen(table, sample=10, seed=1, limit=4) == drawn[:4]
    assert chosen(table, where="n < 5", sample=10) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("m > 1", "has no column 'm'"),
        ("n >", "is not a condition in SQL"),
        ("n > avg(n)", "is about several rows"),
        ("n > count(*)", "is about several rows"),
        ("n", "is Int64, not true or false"),
        ("1 = 1", "names no column"),
        ("t > 1", "can't be used on"),
    ],
)
def test_a_condition_that_is_none_is_told(table: Path, where: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        chosen(table, where=where)


def test_numbers_are_at_least_1(table: Path) -> None:
    with pytest.raises(InputError, match="limit is 0"):
        chosen(table, limit=0)
