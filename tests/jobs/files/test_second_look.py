"""Files that were put together: marks inside, and encodings or line ends that change on the way."""

import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Job, JobReader, Reject
from headrace.jobs.files.source import Source

CHANGES = (
    r"changes from UTF-\d+ to UTF-\d+.* at line \d; save|changes to another encoding on the way"
)
WHOLE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


def text(*names: str, end: str = "\n") -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "h\u00e9, \u4f60\u597d"}]}
    lines = [
        json.dumps(
            {"custom_id": name, "url": "/v1/chat/completions", "body": body}, ensure_ascii=False
        )
        for name in names
    ]
    return "".join(line + end for line in lines)


def read(data: bytes) -> list[Job | Reject]:
    return list(JobReader(Source("jobs", read=io.BytesIO(data).read)))


def names(items: list[Job | Reject]) -> list[str | None]:
    assert all(isinstance(item, Job) for item in items), items
    return [item.custom_id for item in items]


def test_marks_before_later_lines_are_taken_off() -> None:
    mark = b"\xef\xbb\xbf"
    data = mark + mark + text("a").encode() + mark + text("b").encode() + mark + b"\n" + mark
    assert names(read(data)) == ["a", "b"]


def test_a_mark_inside_utf_16_is_taken_off() -> None:
    assert names(read(text("a").encode("utf-16") + text("b").encode("utf-16"))) == ["a", "b"]


@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(WHOLE, 2)))
def test_encodings_that_change_give_the_same_jobs_or_one_fault(first: str, then: str) -> None:
    data = text("a", "b").encode(first) + text("c", "d").encode(then)
    if {first, then} <= {"utf-8", "utf-8-sig"} or {first, then} <= {"utf-16", "utf-16-le"}:
        assert names(read(data)) == ["a", "b", "c", "d"]
    else:
        with pytest.raises(InputError, match=CHANGES):
            read(data)


def test_jobs_with_only_a_cr_between_them_among_others_are_one_fault() -> None:
    data = text("a").encode() + text("b", "c", end="\r").encode() + b"\n" + text("d").encode()
    with pytest.raises(InputError, match="jobs has jobs on line 2 with only a CR between them"):
        read(data)


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(WHOLE), st.sampled_from(["\n", "\r\n", "\r"])),
        min_size=1,
        max_size=4,
    )
)
def test_any_mix_gives_the_same_jobs_or_one_fault(parts: list[tuple[str, str]]) -> None:
    data = b"".join(
        text(f"{n}a", f"{n}b", end=end).encode(encoding) for n, (encoding, end) in enumerate(parts)
    )
    faults: list[str] = []
    found: list[Job | Reject] = []
    try:
        found = read(data)
    except InputError as error:
        faults.append(error.message)
    whole = [f"{n}{c}" for n in range(len(parts)) for c in "ab"]
    assert names(found) == ([] if faults else whole)
    assert "\n" not in "".join(faults)
    assert not faults or len(set(parts)) > 1
