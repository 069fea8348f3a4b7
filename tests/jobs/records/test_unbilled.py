"""What may have been billed although its cost is not known: one rule, for a row and for a table."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from headrace.jobs import Attempt, kept_for, kept_in, may_be_billed, row_frame
from tests.reports.conftest import CHAT, at


def attempt(**fields: Any) -> Attempt:
    return Attempt(
        index=0,
        custom_id="a",
        model="m",
        url=CHAT,
        attempt=1,
        due_at=at(0),
        cost_bound=Decimal(2),
        **{"sent_at": at(0), **fields},
    )


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"http_status": 200, "cost": Decimal(1)}, 0),
        ({"sent_at": None, "error_kind": "cancelled"}, 0),
        ({"error_kind": "timeout"}, 2),
        ({"error_kind": "lost"}, 2),
        ({"http_status": 500, "error_kind": "http"}, 2),
        ({"http_status": 429, "error_kind": "http"}, 0),
        ({"http_status": 302, "error_kind": "http"}, 0),
        # An error inside a good answer: of 4xx it is `http`, of 5xx or none it is not.
        ({"http_status": 200, "error_kind": "http"}, 0),
        ({"http_status": 200, "error_kind": "http", "ttft_s": 0.5}, 2),
        ({"http_status": 200, "error_kind": "protocol"}, 2),
        ({"http_status": 200, "error_kind": "stream", "ttft_s": 0.5}, 2),
        ({"http_status": 503, "error_kind": "http", "ttft_s": None}, 2),
    ],
)
def test_what_is_kept_for_an_attempt(fields: dict[str, Any], kept: int) -> None:
    row = attempt(**fields)
    assert (int(kept_for(row)), may_be_billed(row)) == (kept, kept > 0)
    table: pl.DataFrame = row_frame(Attempt, [row])
    assert kept_in(table) == kept
