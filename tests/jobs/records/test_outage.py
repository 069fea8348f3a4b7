"""Which failures count toward an outage: one rule, for a failure and for rows of them."""

from itertools import product
from typing import get_args

import polars as pl
import pytest

from headrace.jobs import (
    OUTAGE_AFTER,
    UNPROCESSED,
    UNUSABLE_ANSWER,
    Attempt,
    ErrorKind,
    counts_toward_outage,
    schema,
    toward_outage,
)


@pytest.mark.parametrize(
    ("kind", "status", "code", "counts"),
    [
        ("connect", None, None, True),
        ("timeout", None, None, True),
        ("stream", 200, None, True),
        ("protocol", 200, None, True),
        ("protocol", 200, UNUSABLE_ANSWER, False),
        ("reset", None, UNPROCESSED, False),
        ("http", 500, None, True),
        ("http", 529, "overloaded_error", True),
        ("http", 429, None, False),
        ("http", 200, "insufficient_quota", False),
        ("cancelled", None, None, False),
        ("lost", None, None, False),
    ],
)
def test_the_service_is_at_fault_or_it_is_not(
    kind: ErrorKind, status: int | None, code: str | None, counts: bool
) -> None:
    assert counts_toward_outage(kind, status=status, code=code) is counts


def test_rows_are_judged_as_failures_are() -> None:
    kinds: tuple[ErrorKind, ...] = get_args(ErrorKind)
    cases = list(
        product(kinds, (None, 200, 429, 499, 500, 503), (None, "x", UNUSABLE_ANSWER, UNPROCESSED))
    )
    assert len(cases) == 9 * 6 * 4
    names = ("error_kind", "http_status", "error_code")
    types = {name: schema(Attempt)[name] for name in names}
    rows = pl.DataFrame(cases, schema=types, orient="row")
    judged = [counts_toward_outage(kind, status=s, code=c) for kind, s, c in cases]
    assert rows.select(toward_outage()).to_series().to_list() == judged
    answered = pl.DataFrame([(None, 200, None)], schema=types, orient="row")
    assert answered.select(toward_outage()).to_series().to_list() == [False]


def test_an_outage_is_what_the_docs_say() -> None:
    assert OUTAGE_AFTER == 20
