"""The gateway stands by itself."""

import ast
from pathlib import Path

from headrace import gateway


def test_the_gateway_imports_no_other_room() -> None:
    root = Path(gateway.__file__).parent
    reached = {
        name.removeprefix("headrace.").split(".")[0]
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert "trio" in reached
    assert reached.isdisjoint({"jobs", "runner", "reports"})
