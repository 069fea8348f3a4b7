"""The reasons in rejects.jsonl."""

import json
from pathlib import Path

from headrace.jobs import RejectedLines
from headrace.reports.figures.rejects import commonest_rejects


def test_the_commonest_reasons_are_read_and_torn_lines_left_out(tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {"line": n, "reason": f"not JSON: unexpected end at column {n}", "text": "{" * n}
        )
        for n in range(3, 8)
    ]
    lines += [json.dumps({"line": 9, "reason": "no body", "text": "{}"}), "{}", '{"line": 10, "rea']
    (tmp_path / "rejects.jsonl").write_text("\n".join(lines))
    assert commonest_rejects(tmp_path) == [
        RejectedLines(reason="not JSON: unexpected end at column 3", lines=5, line=3),
        RejectedLines(reason="no body", lines=1, line=9),
    ]
