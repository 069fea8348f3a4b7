"""Answers that mean harm, in every file that a night leaves; what JUnit says of each question."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from headrace.jobs import parse_condition
from headrace.reports import NightPlan, print_night, report_night, write_night
from headrace.reports.nights import Base

from ..conftest import RunMaker

pytestmark = pytest.mark.slow
HOSTILE = (
    "</pre></details><script>alert(1)</script>\n"
    "`````\n# not a heading\n~~~\n| a | b |\n"
    "]]></failure>\x00\x1b[31m\ud800\ufffe\u202e &amp; "
)
LONG = "x" * 5_000


def night(folder: Path) -> Path:
    """A night after a good one, with answers that try to leave where they are put."""
    for name, wrong in (("2026-06-08.run", False), ("2026-06-09.run", True)):
        run = RunMaker(folder / name)
        for index in range(40):
            hostile = (HOSTILE.replace("\ud800", ""), LONG)[index % 2]
            run.job(
                index,
                custom_id=f"q{index}<b>`|",
                text=hostile if wrong and index < 30 else "yes",
                expected='"yes"',
            )
        run.result(40, status="failed", error_code="500", error_message=f"\x1b[0m{LONG}")
        run.write()
    plan = NightPlan(
        run=folder / "2026-06-09.run",
        date="2026-06-09",
        eval_file="eval<b>.toml",
        require=[parse_condition("error_rate <= 50%")],
        beside_require=[parse_condition("mean(text == expected) >= base")],
        bases=[Base("last-good", (folder / "2026-06-08.run",))],
        last_good=folder / "2026-06-08.run",
        baseline=["2026-06-08"],
        baseline_nights=5,
        notes=["a <note> of `nothing`"],
    )
    report = report_night(plan)
    write_night(report, plan.run, [folder / "2026-06-08.run", plan.run])
    console = Console(file=(folder / "terminal.txt").open("w"), width=80)
    print_night(report, console)
    console.file.close()
    return plan.run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night(tmp_path_factory.mktemp("nights"))


def test_no_answer_leaves_its_fence_in_markdown(run: Path) -> None:
    text = (run / "night.md").read_text("utf-8")
    inside: list[str] = []
    loose: list[str] = []
    fence = ""
    for line in text.splitlines():
        if not fence and (opened := re.fullmatch(r"(`{3,})text", line)):
            fence = opened[1]
        elif fence and line == fence:
            fence = ""
        else:
            (inside if fence else loose).append(line)
    assert "# not a heading" in inside
    assert [line for line in loose if "script" in line or line.startswith(("# ", "~~~"))] == []
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert LONG[:1201] not in text


def test_no_answer_leaves_its_place_on_the_page(run: Path) -> None:
    text = (run / "night.html").read_text("utf-8")
    assert "<script>alert" not in text
    assert "q0<b>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_no_answer_reaches_a_terminal_as_more_than_text(run: Path) -> None:
    text = (run.parent / "terminal.txt").read_text("utf-8")
    assert "30 answers from right to wrong" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_json_is_json(run: Path) -> None:
    report = msgspec.json.decode((run / "night.json").read_bytes())
    assert report["flips"]["right_to_wrong"] == 30
    assert report["verdict"] == "not met"


def test_junit_has_a_case_for_each_question_with_what_was_expected_and_what_came(run: Path) -> None:
    suites = ET.fromstring((run / "junit.xml").read_bytes())
    conditions, questions = suites
    assert [each.get("name") for each in conditions] == [
        "error_rate <= 50%",
        "mean(text == expected) >= base beside last-good",
    ]
    cases = {case.get("name"): case.find("failure") for case in questions}
    assert len(cases) == 41
    assert (questions.get("tests"), questions.get("failures")) == ("41", "31")
    wrong, right, failed = (cases[name] for name in ("q0<b>`|", "q39<b>`|", "job-40"))
    assert right is None
    assert wrong is not None
    assert wrong.text is not None
    assert wrong.text.startswith("expected: yes\ncame: </pre></details><script>")
    assert "\\u0000\\u001b[31m\\ufffe" in wrong.text
    long = cases["q1<b>`|"]
    assert long is not None
    assert long.text is not None
    assert long.text.count("x") == 2_000
    assert failed is not None
    assert (failed.get("message") or "").startswith("500 \\u001b[0m")
