"""The tickets example: a table to labels beside its rows, offline, under a ceiling."""

import os
import shlex
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LABELS = {"network", "disk", "memory", "permission", "other"}


def test_every_row_gets_a_label(tmp_path: Path) -> None:
    """The user's part is a recipe, a schema and two commands."""
    environment = {
        **os.environ,
        "HEADRACE": f"{shlex.quote(sys.executable)} -P -m headrace",
        "PYTHON": sys.executable,
    }
    script = ROOT / "examples" / "tickets" / "tickets.sh"
    folder = tmp_path / "tickets"
    done = subprocess.run(
        ["sh", str(script), str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = pl.read_csv(folder / "tickets.csv")
    joined = pl.read_parquet(folder / "labelled.parquet")
    assert len(table) > 100
    assert joined["id"].to_list() == table["id"].to_list()
    assert joined["answer_status"].unique().to_list() == ["ok"]
    assert {*joined["label"]} <= LABELS
    assert joined.schema["urgent"] == pl.Boolean
    assert Decimal(0) < joined["cost"].sum() <= 1
