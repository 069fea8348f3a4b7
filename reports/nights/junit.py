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
    and what came; without an expected answer only where there is none."""
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
        failure = ET.SubElement(case, "failure", message="not as expected", type="wrong")
        failure.text = f"expected: {expected}\ncame: {legal(cut(each.answer))}"
