"""A gate's judgements as JUnit XML: what CI services show as tests."""

import xml.etree.ElementTree as ET

from .objectives import GateReport, judgement_words


def gate_junit(report: GateReport) -> bytes:
    """One test case an objective, failed where it was not met; an unclear one says so. One that a
    load run's own client may have decided is an error."""
    unsure = sum(each.depends_on_client for each in report.objectives)
    failed = sum(not (each.met or each.depends_on_client) for each in report.objectives)
    numbers = {"tests": len(report.objectives), "failures": failed, "errors": unsure}
    counts = {name: str(number) for name, number in numbers.items()}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "headrace gate", **counts})
    for each in report.objectives:
        name, said = _legal(each.objective), _legal(judgement_words(each, report.currency))
        case = ET.SubElement(suite, "testcase", classname=_legal(report.run), name=name)
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
    ET.indent(suites)
    data: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _legal(text: str) -> str:
    """Text without the characters that XML 1.0 can't hold."""
    return "".join(
        c if c in "\t\n" or " " <= c < "\ud800" or "\ue000" <= c not in "\ufffe\uffff" else "\ufffd"
        for c in text
    )
