"""What a job asked, read from its request."""

from typing import Any

import msgspec
import pytest

from headrace.reports.run import open_run
from headrace.reports.scoring.questions import asked, questions
from tests.reports.conftest import RunMaker

TURNS = [
    {"role": "user", "content": "first"},
    {"role": "assistant", "content": "no"},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
]


@pytest.mark.parametrize(
    ("body", "question"),
    [
        ({"messages": TURNS}, "a\nb"),
        ({"messages": TURNS[:2]}, "first"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
        ({"prompt": "a cat"}, "a cat"),
        ({"query": "cats"}, "cats"),
        ({"input": ["a", "b"]}, None),
        ({"messages": None}, None),
        ([], None),
    ],
)
def test_the_last_message_of_a_user_is_the_question(body: Any, question: str | None) -> None:
    assert asked(body) == question


def test_jobs_made_of_a_table_are_read(made: RunMaker) -> None:
    made.job(0, text="A")
    made.write()
    line = msgspec.json.encode({"custom_id": "a", "body": {"messages": TURNS[:1]}})
    (made.directory / "jobs.made.jsonl").write_bytes(b"\n" + line + b"\n")
    assert questions(open_run(made.directory)).rows() == [(1, "first")]


def test_a_job_file_that_is_gone_has_none(made: RunMaker) -> None:
    made.job(0, text="A")
    made.write()
    assert questions(open_run(made.directory)).rows() == []
