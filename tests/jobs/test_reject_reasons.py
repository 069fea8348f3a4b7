"""The commonest reasons of lines that are not jobs."""

from headrace.jobs import RejectedLines, RejectReasons, reasons_in_words
from headrace.jobs.reject_reasons import KINDS_MAX


def test_the_three_commonest_come_with_their_first_line() -> None:
    reasons = RejectReasons()
    for line in range(1, 9):
        reasons.add(line, f"not JSON: NaN at column {line * 7}")
    for line in (20, 21):
        reasons.add(line, "no body")
    reasons.add(30, "no url")
    reasons.add(31, "model is 7")
    assert reasons.lines == 12
    assert reasons.commonest() == [
        RejectedLines(reason="not JSON: NaN at column 7", lines=8, line=1),
        RejectedLines(reason="no body", lines=2, line=20),
        RejectedLines(reason="no url", lines=1, line=30),
    ]
    assert reasons_in_words(reasons.commonest()) == [
        "8 lines, such as line 1: not JSON: NaN at column 7",
        "2 lines, such as line 20: no body",
        "line 30: no url",
    ]


def test_reasons_that_all_differ_are_kept_up_to_a_bound() -> None:
    reasons = RejectReasons()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for line, a, b, c in (
        (1 + i * 676 + j * 26 + k, a, b, c)
        for i, a in enumerate(letters[:3])
        for j, b in enumerate(letters)
        for k, c in enumerate(letters)
    ):
        reasons.add(line, f"unknown url {a}{b}{c}")
    assert reasons.lines == 3 * 676
    assert len(reasons.commonest(10_000)) == KINDS_MAX
