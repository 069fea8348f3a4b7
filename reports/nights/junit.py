"""A night as JUnit XML: a test case for each condition, and one for each question."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from ..junit import document, legal
from .judgement import NightObjective
from .questions import AskedQuestion
from .report import NightReport
from .words import came_words, cut, verdict_of


def night_junit(report: NightReport, questions: Iterable[AskedQuestion]) -> bytes:
    """The file. A question fails where its answer is wrong or missing, and says what was expected
    and what came. One whose answer has no score is skipped, and says why; one without a right
    answer passes, with the score that it has."""
    suites = ET.Element("testsuites")
    conditions = ET.SubElement(suites, "testsuite", name="conditions")
    for objective in report.objectives:
        _condition(conditions, objective, report)
    asked = ET.SubElement(suites, "testsuite", name="questions")
    for question in questions:
        _question(asked, question, report)
    return document(suites)


def _condition(suite: ET.Element, each: NightObjective, report: NightReport) -> None:
    beside = "" if each.beside is None else f" beside {each.beside}"
    name = legal(each.judgement.objective + beside)
    case = ET.SubElement(suite, "testcase", classname=f"{legal(report.date)}.conditions", name=name)
    said = legal(came_words(each))
    if not each.judgement.met:
        ET.SubElement(case, "failure", message=said, type="not met").text = f"{name}\n{said}"
    else:
        ET.SubElement(case, "system-out").text = f"{verdict_of(each)}: {said}"


def _question(suite: ET.Element, each: AskedQuestion, report: NightReport) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{legal(report.date)}.questions",
        name=legal(each.custom_id),
        time=f"{each.took_s or 0:.3f}",
    )
    expected = legal(cut("" if each.expected is None else each.expected))
    if each.answer is None:
        said = legal(cut(each.why or "no answer"))
        failure = ET.SubElement(case, "failure", message=said, type="no answer")
        failure.text = f"expected: {expected}\nno answer: {said}" if expected else said
    elif each.right is False:
        failure = ET.SubElement(case, "failure", message=_wrong(each), type="wrong")
        came = f"came: {legal(cut(each.answer))}"
        failure.text = came if each.expected is None else f"expected: {expected}\n{came}"
    elif each.unscored is not None:
        ET.SubElement(case, "skipped", message=f"no score: {legal(cut(each.unscored))}")
    elif each.score is not None and each.score not in (0, 1):
        ET.SubElement(case, "system-out").text = f"score: {each.score:.4g}"


def _wrong(each: AskedQuestion) -> str:
    return "not as expected" if not each.score else f"score: {each.score:.4g}"
