"""A gate's judgements as JUnit XML: what CI services show as tests."""

import xml.etree.ElementTree as ET

from .objectives import GateReport, judgement_words


def gate_junit(report: GateReport) -> bytes:
    """One test case an objective, failed where it was not met; an unclear one says so. One that a
    load run's own client may have decided is an error."""
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", name="headrace gate")
    for each in report.objectives:
        name, said = legal(each.objective), legal(judgement_words(each))
        case = ET.SubElement(suite, "testcase", classname=legal(report.run), name=name)
        unclear = each.outcome == "unclear" and not each.depends_on_client
        if unclear:
            taken = "met" if each.met else "not met"
            said = f"unclear, taken as {taken} (--unclear {report.unclear}): {said}"
        if each.depends_on_client:
            error = ET.SubElement(case, "error", message=said, type="measurement not valid")
            error.text = f"{name}\n{said}"
        elif each.met:
            ET.SubElement(case, "system-out").text = said
        else:
            kind = "objective unclear" if unclear else "objective not met"
            failure = ET.SubElement(case, "failure", message=said, type=kind)
            failure.text = f"{name}\n{said}"
    return document(suites)


def document(suites: ET.Element) -> bytes:
    """The file that holds suites of cases, each with its counts."""
    for suite in (*suites, suites):
        cases = list(suite.iter("testcase"))
        suite.set("tests", str(len(cases)))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            count = sum(case.find(tag) is not None for case in cases)
            if count or tag != "skipped":
                suite.set(name, str(count))
    ET.indent(suites)
    data: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def legal(text: str) -> str:
    """Text whose characters that XML 1.0 can't hold are written \\uXXXX.

    Args:
        text: of a model, a service or a user.
    """
    return "".join(
        c
        if c in "\t\n" or " " <= c < "\ud800" or "\ue000" <= c not in "\ufffe\uffff"
        else f"\\u{ord(c):04x}"
        for c in text
    )
