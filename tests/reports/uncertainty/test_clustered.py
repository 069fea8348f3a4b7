"""Values in clusters."""

import polars as pl

from headrace.reports.uncertainty.clustered import clustered


def test_values_that_share_a_key_are_one_cluster() -> None:
    found = clustered(pl.Series([1, 2, 4, 8]), pl.Series(["b", "a", "b", "c"]))
    assert found.keys.to_list() == ["b", "a", "c"]
    assert found.codes.tolist() == [0, 1, 0, 2]
    assert found.sums(found.values).tolist() == [5.0, 2.0, 8.0]
    assert not found.alone


def test_values_of_different_keys_are_alone() -> None:
    found = clustered(pl.Series([True, False]), pl.Series([7, 3]))
    assert found.alone
    assert found.values.tolist() == [1.0, 0.0]
    assert found.keys.to_list() == [7, 3]
