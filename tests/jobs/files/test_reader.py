"""Job lines: what becomes a job, and what is rejected with a reason."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Job, JobFile, JobReader, Reject, Source, open_source
from headrace.jobs.files.reader import LARGE_BYTES, PARSED_BYTES, PARSED_LINES


def source(data: bytes) -> Source:
    return Source("jobs", read=io.BytesIO(data).read)


def chat(custom_id: str, **fields: Any) -> bytes:
    body = {"model": "m", "messages": []} | fields
    line = {"custom_id": custom_id, "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode()


def params(custom_id: str) -> dict[str, Any]:
    body = {"model": "m", "messages": [], "max_tokens": 8}
    return {"custom_id": custom_id, "params": body}


def outcome(data: bytes, tpm: int | None = None) -> list[tuple[int, str]]:
    """Of each item its index and custom_id, or its line and reason."""
    return [
        (item.index, item.custom_id) if isinstance(item, Job) else (-item.line, item.reason)
        for item in JobReader(source(data), tpm=tpm)
    ]


def test_dialects_may_mix_and_blank_lines_count() -> None:
    bare = b'{"model":"m","messages":[]}'
    data = b"\n".join([chat("a"), b"", b"  \r", json.dumps(params("b")).encode(), bare, b"junk"])
    assert outcome(data) == [
        (0, "a"),
        (3, "b"),
        (4, "line-5"),
        (-6, "not JSON: invalid character at column 1"),
    ]


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_of_nothing_has_no_jobs(data: bytes) -> None:
    assert outcome(data) == []


def test_the_first_of_two_with_the_same_custom_id_stands() -> None:
    data = b"\n".join([chat("a"), b"", chat("b"), chat("a", stream=True), chat("a")])
    first, second, third, fourth = JobReader(source(data))
    assert isinstance(first, Job)
    assert isinstance(second, Job)
    for rejected, line in ((third, 4), (fourth, 5)):
        assert rejected == Reject(
            line=line,
            reason="duplicate custom_id: line 1 has it already; give each line one of its own",
            text=data.split(b"\n")[line - 1].decode(),
            custom_id="a",
        )


def test_the_custom_id_of_a_line_that_is_not_a_job_is_free() -> None:
    data = b"\n".join([chat("a", model=5), chat("b", max_tokens=9999), chat("a"), chat("b")])
    assert [each[1] for each in outcome(data, tpm=1000)[2:]] == ["a", "b"]


def test_a_bare_body_may_meet_a_custom_id_of_its_name() -> None:
    data = chat("line-2") + b'\n{"model":"m","messages":[]}'
    assert outcome(data)[1] == (
        -2,
        "duplicate custom_id: line 1 has it already; give each line one of its own",
    )


def test_a_job_larger_than_the_whole_limit_is_rejected_with_both_numbers() -> None:
    (job,) = JobReader(source(chat("a", max_tokens=500)))
    assert isinstance(job, Job)
    needed = job.input_estimate_tokens + 500
    assert outcome(chat("a", max_tokens=500), tpm=needed) == [(0, "a")]
    assert outcome(chat("a", max_tokens=500), tpm=needed - 1) == [
        (
            -1,
            f"needs {needed} tokens (about {job.input_estimate_tokens} of input, 500 of output "
            f"allowed), more than the {needed - 1} tokens per minute that are allowed; shorten it, "
            "lower max_tokens or raise --tpm",
        )
    ]
    assert outcome(chat("a"), tpm=3)[0][0] == -1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_is_read_whole_and_counted_by_request(
    pack: Callable[[bytes], bytes], indent: int | None
) -> None:
    requests = [params("a"), params("b"), {"custom_id": "c"}, params("a"), 5]
    data = pack(json.dumps({"requests": requests}, indent=indent).encode())
    first, second, no_body, duplicate, number = JobReader(source(data))
    assert isinstance(first, Job)
    assert isinstance(second, Job)
    assert (first.index, first.custom_id, first.url) == (0, "a", "/v1/messages")
    assert json.loads(first.body) == params("a")["params"]
    assert (second.index, second.custom_id) == (1, "b")
    assert isinstance(no_body, Reject)
    assert isinstance(duplicate, Reject)
    assert isinstance(number, Reject)
    assert (no_body.line, json.loads(no_body.text)) == (3, {"custom_id": "c"})
    assert duplicate.reason.startswith("duplicate custom_id: line 1 has it")
    assert number.reason == "not a JSON object but a number; write one object per line"


def test_a_document_with_no_requests_has_no_jobs() -> None:
    assert outcome(b'{"requests": []}\n') == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"requests":[{}', "not JSON: unexpected end at column 16"),
        (b'{"requests":[\n{},\n  oops]}', "not JSON: invalid character at line 3, column 3"),
        (b'{"requests":[]}\n{"requests":[]}', "not JSON: trailing characters at line 2, column 1"),
        (b'{"requests":{}}', "unexpected JSON: Expected `array`, got `object`"),
        (b'{"requests":["\xff"]}', "not UTF-8 from byte 15 on"),
    ],
)
def test_a_broken_document_is_an_error_as_a_whole(data: bytes, why: str) -> None:
    with pytest.raises(InputError) as caught:
        list(JobReader(source(data)))
    assert caught.value.message.startswith('jobs is not a {"requests": [...]} document: ' + why)
    assert "\n" not in caught.value.message


@pytest.mark.slow
def test_what_came_before_a_broken_end_is_given_first() -> None:
    lines = [chat(f"{n:050d}") for n in range(20_000)]
    packed = gzip.compress(b"\n".join(lines), compresslevel=1)
    items = JobReader(source(packed[:-9]))
    got: list[str] = []

    def read_on() -> None:
        for item in items:
            assert isinstance(item, Job)
            got.append(item.custom_id)

    with pytest.raises(InputError, match="are truncated"):
        read_on()
    assert len(got) > 19_000
    assert got == [f"{n:050d}" for n in range(len(got))]


def test_the_first_job_needs_no_more_than_its_line() -> None:
    """However much follows, as from a pipe whose writer is slow."""
    deliveries = [chat("a") + b"\n", chat("b")[:9]]

    def read(most: int) -> bytes:
        return deliveries.pop(0)

    first = next(iter(JobReader(Source("-", read=read))))
    assert isinstance(first, Job)
    assert first.custom_id == "a"
    assert len(deliveries) == 1


LINES = st.lists(
    st.one_of(
        st.integers(0, 5).map(lambda n: chat(f"id-{n}")),
        st.sampled_from([b"", b"{", b"\xff", b'{"model":"m","messages":[]}']),
    ),
    max_size=20,
)


@pytest.mark.slow
@given(lines=LINES)
def test_every_line_that_is_not_blank_is_one_job_or_one_reject(lines: list[bytes]) -> None:
    items = list(JobReader(source(b"\n".join(lines))))
    numbers = [item.index + 1 if isinstance(item, Job) else item.line for item in items]
    assert numbers == [number for number, line in enumerate(lines, 1) if line]
    given_ids = [item.custom_id for item in items if isinstance(item, Job)]
    wanted = dict.fromkeys(
        f"line-{number}" if b"custom_id" not in line else json.loads(line)["custom_id"]
        for number, line in enumerate(lines, 1)
        if line.endswith(b"}")
    )
    assert given_ids == list(wanted)


def test_a_reader_takes_in_a_little_at_a_time_and_knows_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    lines = [chat(f"{n:03d}") for n in range(3 * PARSED_LINES)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    with open_source(str(path)) as opened:
        reader = JobReader(opened)
        assert (reader.filled, reader.fraction()) == (False, 0.0)
        for third in (1, 2, 3):
            assert reader.fill()
            assert len(reader.parse()) == PARSED_LINES
            assert reader.fraction() == third / 3
        assert not reader.fill()
        assert reader.fraction() == 1.0


def test_a_reader_that_waits_for_more_of_the_file_is_as_far_as_it_was() -> None:
    """While it read more, the display fell back by all that was read before."""
    deliveries = [chat("a") + b"\n", chat("b") + b"\n", b""]
    size = sum(map(len, deliveries))
    seen = []

    def read(most: int) -> bytes:
        seen.append(reader.fraction())
        return deliveries.pop(0)

    identity = JobFile(path="jobs", size_bytes=size, digest="")
    reader = JobReader(Source("jobs", read=read, identity=identity))
    assert len(list(reader)) == 2
    assert seen == [0.0, 0.5, 1.0]


def test_a_reader_takes_in_fewer_lines_where_they_are_long() -> None:
    lines = [chat(f"{n}", user="x" * (PARSED_BYTES // 4)) for n in range(4)]
    large = chat("large", user="x" * LARGE_BYTES)
    reader = JobReader(source(b"\n".join([*lines, large, b"", *lines[:1], b""])))
    seen = []
    while reader.fill():
        seen.append((reader.large, len(reader.parse())))
    assert seen == [(False, 3), (False, 1), (True, 1), (False, 1)]
