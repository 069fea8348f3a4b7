import ast
from pathlib import Path

import gateway


def test_all_names_what_the_face_imports() -> None:
    source = Path(gateway.__file__).read_text(encoding="utf-8")
    imported = [
        alias.asname or alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(imported) == sorted(gateway.__all__)


def test_the_gateway_imports_no_other_room() -> None:
    root = Path(gateway.__file__).parent
    reached = {
        name.split(".")[0]
        for path in root.glob("*.py")
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
