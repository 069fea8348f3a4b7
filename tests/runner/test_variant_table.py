"""Every variant of real services' answers, from end to end in virtual time.

docs/reference/faults.md says what becomes of a job whose first answer comes so; the gateway's own
ledger says what it cost.
"""

import json
import shutil
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from trio.testing import MockClock

from headrace import gateway
from headrace.jobs import Price, PriceTable
from tests.runner.test_fault_table import FORMS, job, page_parts, shown, table_of

pytestmark = pytest.mark.usefixtures("no_sync")

MODEL = "deepseek-v4-flash"
PER_MILLION: dict[str, Any] = {
    "input": Decimal(1),
    "cached_input": Decimal("0.02"),
    "cache_write": Decimal("1.25"),
    "cache_write_1h": Decimal(2),
    "output": Decimal(2),
    "web_search": Decimal(10),  # per thousand searches
    "search_request": Decimal("0.03"),
}
PICTURE: dict[str, Decimal] = {"default": Decimal("0.25")}
OURS = PriceTable(
    currency="CNY", models={MODEL: Price(**PER_MILLION), "gpt-image-2": Price(images=PICTURE)}
)
THEIRS = gateway.PriceTable(
    models={
        MODEL: gateway.ModelPrice(**PER_MILLION),
        "gpt-image-2": gateway.ModelPrice(images=PICTURE),
    }
)


class Row(NamedTuple):
    """One line of the page for one variant; `-` stands for null."""

    variant: str
    where: str
    http_status: str
    error_kind: str
    error_code: str
    then: str
    attempts: str
    cost: str

    @property
    def forms(self) -> list[tuple[str, bool]]:
        """The endpoints and forms, streamed or not, that this line is for."""
        made = gateway.VARIANTS[self.variant]
        words = set(self.where.replace(",", "").split())
        return [
            (name, streamed)
            for name, streamed in FORMS
            if name in made.protocols and made.streamed in (None, streamed)
            if words & {"all", name, "streamed" if streamed else "unstreamed"}
        ]


def rows() -> list[Row]:
    [part] = [each for each in page_parts() if each.startswith("Answers of real services\n")]
    return [
        Row(name.strip("`"), *others)
        for first, *others in table_of(part)
        for name in first.split(", ")
    ]


def said(row: dict[str, Any]) -> str:
    """What an answer's model said, thoughts first; a picture's bytes, a ranking, a vector but for
    its first number."""
    body = json.loads(row["response"])
    if row["vectors"]:
        return str([each[1:] for each in row["vectors"]])
    if "data" in body or "results" in body:
        return str(body.get("data") or body["results"])
    if "output" in body:
        return str(row["text"])
    if "content" in body:
        return "".join(part.get("text", "") for part in body["content"])
    message = body["choices"][0].get("message")
    if message is None:
        return str(body["choices"][0]["text"])
    content = message["content"]
    if isinstance(content, list):
        thought, text = content
        content = thought["thinking"][0]["text"] + text["text"]
    return str((message.get("reasoning") or "") + (content or ""))


async def answered(bench: Any, form: tuple[str, bool], fault: str | None) -> tuple[Any, Decimal]:
    """A run of one job, and what the gateway charged for it."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    endpoint, streamed = form
    bench.write(job(endpoint, streamed=streamed))
    faults = gateway.parse_faults(f"provider:{fault}@1") if fault else {}
    served = bench.gateway(faults=faults, output_tokens=10, prices=THEIRS)
    ran = await bench.run_on(served, prices=OURS)
    log = served.log_rows
    assert [row.fault for row in log if row.fault] == ([f"provider:{fault}"] if fault else [])
    return ran, sum((row.charge for row in log), Decimal(0))


@pytest.fixture(scope="module")
def plainly() -> dict[tuple[str, bool], str]:
    """What was said where nothing was odd, by form: once for all variants."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.variant} {row.where}")
async def test_what_becomes_of_an_answer_is_what_the_page_says(
    bench: Any, autojump_clock: MockClock, row: Row, plainly: dict[tuple[str, bool], str]
) -> None:
    assert row.forms != []
    for form in row.forms:
        ran, charged = await answered(bench, form, row.variant)
        first, last = ran.attempts.rows(named=True)[0], ran.attempts.rows(named=True)[-1]
        seen = [shown(first[name]) for name in ("http_status", "error_kind", "error_code")]
        assert seen == [row.http_status, row.error_kind, row.error_code], form
        assert ran.results["status"].to_list() == [row.then], form
        assert len(ran.attempts) == int(row.attempts), form
        if row.then == "failed":
            assert (last["cost"], charged) == (None, Decimal(0))
            continue
        if row.cost == "unknown":
            assert (last["cost"], bool(last["cost_note"])) == (None, True), form
            assert charged > 0
        else:
            assert ran.results["cost"].to_list() == [charged], form
        [result] = ran.results.rows(named=True)
        response = result["response"]
        if gateway.VARIANTS[row.variant].needs == "call":
            calls = json.loads(response)["choices"][0]["message"]["tool_calls"]
            for call in calls:
                assert json.loads(call["function"]["arguments"]) == {"gauge": "weir", "hours": 2}
            assert len({call["id"] for call in calls}) == len(calls)
        elif row.attempts == "1":
            if form not in plainly:
                plain, _ = await answered(bench, form, None)
                plainly[form] = said(plain.results.row(0, named=True))
            added = {"bad-utf8": "\ufffd", "lone-surrogate": "\ufffd", "split-emoji": "\U0001f30a"}
            assert said(result) == added.get(row.variant, "") + plainly[form], form


def test_the_page_has_every_variant_in_every_form_once() -> None:
    found = [(row.variant, *form) for row in rows() for form in row.forms]
    assert len(found) == len(set(found))
    every = {
        (made.name, name, streamed)
        for made in gateway.VARIANTS.values()
        for name, streamed in FORMS
        if name in made.protocols and made.streamed in (None, streamed)
    }
    assert len(every) > 100
    assert set(found) == every
