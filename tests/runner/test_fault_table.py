"""Every fault of the gateway, at each endpoint, streamed and not, from end to end in virtual time.

docs/reference/faults.md says what becomes of a job whose first attempt is struck; its rows are what
must happen here.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from trio.testing import MockClock

from headrace import gateway

pytestmark = pytest.mark.usefixtures("no_sync")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "faults.md"
URLS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "search": "/v1/search/completions",
    "images": "/v1/images/generations",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
    "moderations": "/v1/moderations",
}
# What each endpoint is asked: the body, but for the model.
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
BODIES: dict[str, dict[str, Any]] = {
    "images": {"model": "gpt-image-2", "prompt": "a white cat"},
    "responses": {"input": "hello", "max_output_tokens": 20},
    "completions": {"prompt": "hello", "max_tokens": 20},
    "embeddings": {"input": "hello", "dimensions": 4},
    "rerank": {"query": "hello", "documents": ["hello there", "goodbye"]},
    "moderations": {"input": "hello"},
}
WHOLE = ("images", "embeddings", "rerank", "moderations")  # they don't stream
FORMS = [(name, streamed) for name in URLS for streamed in (False, True) if name not in WHOLE]
FORMS += [(name, False) for name in WHOLE]


class Row(NamedTuple):
    """One line of the page; `-` stands for null."""

    fault: str
    where: str
    http_status: str
    error_kind: str
    error_code: str
    then: str
    attempts: str

    @property
    def kind(self) -> str:
        return re.split(r"[;+]", self.fault)[0]

    @property
    def forms(self) -> list[tuple[str, bool]]:
        *names, how = self.where.replace(",", "").split()
        wanted = {"all": (False, True), "streamed": (True,), "unstreamed": (False,)}[how]
        return [form for form in FORMS if form[1] in wanted and (not names or form[0] in names)]


def page_parts() -> list[str]:
    """The page, cut before each of its headings."""
    return PAGE.read_text(encoding="utf-8").split("\n## ")


def table_of(text: str) -> list[list[str]]:
    """The cells of the table in a text, without its head."""
    lines = [line for line in text.splitlines() if line[:1] == "|"][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def rows() -> list[Row]:
    return [Row(*(cell.strip("`") for cell in cells)) for cells in table_of(page_parts()[0])]


def job(endpoint: str, *, streamed: bool) -> bytes:
    body: dict[str, Any] = {"model": "deepseek-v4-flash", **BODIES.get(endpoint, HELLO)}
    if streamed:
        body["stream"] = True
    return json.dumps({"custom_id": "a", "url": URLS[endpoint], "body": body}).encode()


async def struck(bench: Any, fault: str, form: tuple[str, bool], **fields: Any) -> Any:
    """A run of one job; the fault strikes its first attempt, or with `always` each."""
    always = fields.pop("always", False)
    shutil.rmtree(bench.directory, ignore_errors=True)
    endpoint, streamed = form
    bench.write(job(endpoint, streamed=streamed))
    faults = gateway.parse_faults(fault + ("=1" if always else "@1"))
    return await bench.run_on(bench.gateway(faults=faults, output_tokens=10), **fields)


def shown(value: object) -> str:
    return "-" if value is None else str(value)


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.fault} {row.where}")
async def test_what_becomes_of_a_job_is_what_the_page_says(
    bench: Any, autojump_clock: MockClock, row: Row
) -> None:
    assert row.forms != []
    for form in row.forms:
        ran = await struck(bench, row.fault, form)
        first = ran.attempts.row(0, named=True)
        seen = [shown(first[name]) for name in ("http_status", "error_kind", "error_code")]
        assert seen == [row.http_status, row.error_kind, row.error_code], form
        if row.then.startswith("stopped"):
            assert row.then == f"stopped, exit {ran.outcome.exit_code}"
            assert ran.results.is_empty()
            continue
        assert ran.results["status"].to_list() == [row.then], form
        assert ran.outcome.exit_code == (row.then == "failed")
        assert ran.results["attempts"].to_list() == [len(ran.attempts)]
        if row.attempts == "more":
            assert len(ran.attempts) > 2
        else:
            assert len(ran.attempts) == int(row.attempts), form
        if row.then == "failed":
            assert ran.results["error_code"].to_list() == [row.error_code]
        elif row.kind not in ("no-usage", "cut-usage") and form[0] not in WHOLE:
            assert ran.results["output_tokens"].item() >= 10


def test_the_page_has_every_fault_at_every_endpoint_once() -> None:
    found = [(row.fault, *form) for row in rows() for form in row.forms]
    assert len(found) == len(set(found))
    assert {(kind, *form) for kind in get_args(gateway.FaultKind) for form in FORMS} <= set(found)


RETRIED = [row for row in rows() if row.then == "succeeded" and row.attempts != "1"]


@pytest.mark.slow
@pytest.mark.parametrize("row", RETRIED, ids=lambda row: f"{row.fault} {row.where}")
async def test_a_fault_that_strikes_each_attempt_fails_the_job_with_its_history(
    bench: Any, autojump_clock: MockClock, row: Row
) -> None:
    ran = await struck(bench, row.fault, row.forms[0], always=True, attempts=2)
    assert ran.outcome.exit_code == 1
    assert len(ran.attempts) == 2
    [result] = ran.results.rows(named=True)
    assert (result["status"], result["attempts"]) == ("failed", 2)
    assert shown(result["http_status"]) == row.http_status
    assert result["error_code"] == (row.error_kind if row.error_code == "-" else row.error_code)
    assert result["error_message"].endswith("(given up after 2 attempts)")
