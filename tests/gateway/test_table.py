"""The table in the documentation names, for every line of the API reference, tests that exist."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_line_of_the_reference_names_tests_that_there_are() -> None:
    page = (HERE.parents[1] / "docs" / "gateway.md").read_text(encoding="utf-8")
    _, _, table = page.partition("## Every line of the API reference")
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 39
    there = {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if name not in there] == [], row
