"""The job file that is made of docstrings."""

import importlib
import inspect
import itertools
import json
import sys
import sysconfig
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import BAD_LINES, ENDPOINTS, InputError, Job, Reject, docstring_jobs
from headrace.jobs.files.dialects import parse_line

COUNT = 450
REFERENCE = [url for url, endpoint in ENDPOINTS.items() if endpoint.in_reference]


def made(count: int = COUNT, *, seed: int = 1) -> list[bytes]:
    return list(docstring_jobs(count, text_model="text", image_model="image", seed=seed))


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return made()


@pytest.fixture(scope="module")
def jobs(lines: list[bytes]) -> list[Job]:
    return [
        job
        for number, line in enumerate(lines, 1)
        if isinstance(job := parse_line(line, number), Job)
    ]


def content(job: Job) -> str:
    """The text of a job, whatever its endpoint."""
    body: dict[str, Any] = json.loads(job.body)
    if "prompt" in body:
        return str(body["prompt"])
    said = body["messages"][-1]["content"]
    return said if isinstance(said, str) else str(said[0]["text"])


def test_every_line_is_a_job_with_an_id_of_its_own(lines: list[bytes], jobs: list[Job]) -> None:
    assert len(lines) == len(jobs) == COUNT
    assert len({job.custom_id for job in jobs}) == COUNT
    assert not any(b"\n" in line for line in lines)
    assert all(json.loads(line)["method"] == "POST" for line in lines)


@pytest.mark.parametrize("start", [0, 7, COUNT - 20])
def test_any_twenty_in_a_row_have_every_endpoint_in_each_of_its_ways(
    jobs: list[Job], start: int
) -> None:
    wanted = {
        (url, stream)
        for url, stream in itertools.product(REFERENCE, (False, True))
        if not (stream and url == "/v1/images/generations")
    }
    some = jobs[start : start + 20]
    assert {(job.url, job.stream) for job in some} == wanted
    formats = {json.loads(job.body).get("response_format", "url") for job in some if job.images}
    assert formats == {"url", "b64_json"}


def test_the_models_are_those_asked_for_and_images_are_small(jobs: list[Job]) -> None:
    assert {(job.model, job.images > 0) for job in jobs} == {("text", False), ("image", True)}
    assert {job.image_size for job in jobs if job.images} == {"64x64", "128x64"}


def test_limits_metadata_and_expected_are_mixed(jobs: list[Job]) -> None:
    limits = Counter(job.output_limit_tokens for job in jobs if not job.images)
    assert None in limits
    assert len(limits) >= 5
    told = [job for job in jobs if job.metadata is not None]
    assert 0 < len(told) < COUNT
    assert set(json.loads(told[0].metadata or "")) == {"module", "name"}
    assert 0 < sum(job.expected is not None for job in jobs) < COUNT


def test_the_texts_are_docstrings_of_twenty_to_several_thousand_characters(
    jobs: list[Job],
) -> None:
    lengths = sorted(len(content(job)) for job in jobs if not job.images)
    assert lengths[0] < 150
    assert 1000 < lengths[-1] <= 8200
    assert len({content(job) for job in jobs}) > 0.9 * COUNT


def test_a_text_is_what_the_library_says_of_that_name(jobs: list[Job]) -> None:
    checked = 0
    for job in jobs:
        told = json.loads(job.metadata or "{}")
        if job.images or not told or "__main__" in told["module"]:
            continue
        found: Any = importlib.import_module(told["module"])
        for name in told["name"].removeprefix(told["module"]).split(".")[1:]:
            found = getattr(found, name, None)
        if isinstance(found, types.FunctionType):  # not nested, nor decorated away
            assert inspect.cleandoc(found.__doc__ or "").strip() in content(job)
            checked += 1
    assert checked > 40


@pytest.mark.slow
def test_the_same_seed_gives_the_same_lines(lines: list[bytes]) -> None:
    assert made() == lines
    assert made(seed=2) != lines
    assert made(0) == []


@pytest.mark.slow
def test_texts_repeat_when_there_are_no_more_and_nothing_is_imported() -> None:
    before = set(sys.modules)
    some = made(5000)
    assert set(sys.modules) == before
    assert len({json.loads(line)["custom_id"] for line in some}) == 5000
    texts = {content(job) for line in some[-1000:] if isinstance(job := parse_line(line, 1), Job)}
    assert len(texts) > 900


def test_a_python_without_its_source_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(InputError, match="this Python has no source of its standard library in"):
        made(1)


def test_each_bad_line_is_bad_in_a_way_of_its_own() -> None:
    rejects = [parse_line(line, 1) for line in BAD_LINES]
    reasons = [each.reason for each in rejects if isinstance(each, Reject)]
    assert len(set(reasons)) == len(BAD_LINES) >= 5
    assert not any(b"\n" in line for line in BAD_LINES)
