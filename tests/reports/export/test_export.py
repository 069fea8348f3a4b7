"""`headrace export`: what the official clients, a spreadsheet and polars read back."""

import base64
import csv
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types import BatchError
from openai.types.chat import ChatCompletion
from openai.types.images_response import ImagesResponse

from headrace.jobs import Result as ResultRow
from headrace.jobs import Session, row_frame, schema
from headrace.reports.export.batch_lines import ANTHROPIC_ERRORS
from headrace.reports.export.export import FORMATS, default_path, defused, errors_name
from headrace.reports.export.ordered import in_input_order
from headrace.reports.run import open_run
from headrace.runner.main import main
from tests.reports.conftest import START, RunMaker

MESSAGES = "/v1/messages"
CHAT_BODY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "small",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": 'one\ntwo\u2028 "three"'},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
}
MESSAGE_BODY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "small",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 3},
}
IMAGE = b"\x89PNG\r\n\x1a\n not much of an image"


def export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments], prog_name="headrace")


def lines(path: str) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_bytes().split(b"\n")[:-1]]


@pytest.fixture
def mixed(made: RunMaker) -> RunMaker:
    """Chat, messages and images, failed in several ways; ended in another order than begun."""
    made.result(4, url=MESSAGES, response=json.dumps(MESSAGE_BODY), text="Hello")
    made.result(
        1,
        status="failed",
        http_status=429,
        error_code="RATE_LIMIT",
        error_message="slow down",
        request_id="req-1",
        response='{"error": {"code": "RATE_LIMIT",\n "message": "slow down"}}',
    )
    made.result(
        0,
        http_status=200,
        request_id="req-0",
        response=json.dumps(CHAT_BODY, indent=2),
        text="one\ntwo",
        cost=Decimal("0.000011"),
        metadata='{"topic": "x"}',
        expected='"one"',
    )
    made.result(2, status="failed", error_code="connect", error_message="no route")
    made.result(
        3,
        status="failed",
        url=MESSAGES,
        http_status=529,
        error_code="overloaded_error",
        error_message="busy",
        request_id="req-3",
    )
    made.result(
        5,
        url="/v1/images/generations",
        http_status=200,
        response='{"created": 1, "data": [{"b64_json": "images/5-0.png"}, {"url": "images/5"}]}',
    )
    (made.write() / "images").mkdir()
    (made.directory / "images" / "5-0.png").write_bytes(IMAGE)
    return made


@pytest.mark.usefixtures("mixed")
def test_openai_output_is_what_its_client_reads() -> None:
    done = export("jobs.run", "--to", "openai-batch")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "jobs.output.jsonl: 3 results\njobs.errors.jsonl: 3 results\n"
    chat, message, images = lines("jobs.output.jsonl")
    assert [each["custom_id"] for each in (chat, message, images)] == ["job-0", "job-4", "job-5"]
    assert set(chat) == {"id", "custom_id", "response", "error"}
    assert chat["error"] is None
    assert (chat["response"]["status_code"], chat["response"]["request_id"]) == (200, "req-0")
    read = ChatCompletion.model_validate(chat["response"]["body"], strict=True)
    assert read.to_dict() == CHAT_BODY
    assert message["response"]["body"] == MESSAGE_BODY
    found = ImagesResponse.model_validate(images["response"]["body"]).data
    assert found is not None
    assert found[0].b64_json is not None
    assert base64.b64decode(found[0].b64_json) == IMAGE
    assert found[1].url == "images/5"


@pytest.mark.usefixtures("mixed")
def test_openai_errors_are_what_its_client_reads() -> None:
    export("jobs.run", "--to", "openai-batch")
    refused, unreachable, overloaded = lines("jobs.errors.jsonl")
    assert refused == {
        "id": "batch_req_1",
        "custom_id": "job-1",
        "response": {
            "status_code": 429,
            "request_id": "req-1",
            "body": {"error": {"code": "RATE_LIMIT", "message": "slow down"}},
        },
        "error": None,
    }
    assert unreachable["response"] is None
    error = BatchError.model_validate(unreachable["error"], strict=True)
    assert (error.code, error.message) == ("connect", "no route")
    assert overloaded["response"]["body"]["error"] == {
        "message": "busy",
        "type": "overloaded_error",
        "param": None,
        "code": "overloaded_error",
    }


@pytest.mark.usefixtures("mixed")
def test_anthropic_results_are_what_its_client_reads() -> None:
    done = export("jobs.run", "--to", "anthropic-batch", "--out", "out.jsonl")
    assert done.exit_code == 0
    assert done.stdout == "out.jsonl: 2 results\n"
    assert done.stderr == "left out: 4 jobs that are not of /v1/messages\n"
    failed, succeeded = (
        MessageBatchIndividualResponse.model_validate(each, strict=True)
        for each in lines("out.jsonl")
    )
    assert (failed.custom_id, failed.result.type) == ("job-3", "errored")
    assert failed.result.type == "errored"
    assert (failed.result.error.error.type, failed.result.error.error.message) == (
        "overloaded_error",
        "busy",
    )
    assert failed.result.error.request_id == "req-3"
    assert succeeded.result.type == "succeeded"
    assert succeeded.result.message.to_dict() == MESSAGE_BODY


def test_every_failure_of_a_message_is_a_kind_that_the_client_knows(made: RunMaker) -> None:
    statuses = [*ANTHROPIC_ERRORS, 418, 500, None]
    for index, status in enumerate(statuses):
        made.result(
            index, url=MESSAGES, status="failed", http_status=status, error_code="INTERNAL_ERROR"
        )
    made.result(len(statuses), url=MESSAGES, status="failed", error_code="timeout")
    made.write()
    export("jobs.run", "--to", "anthropic-batch")
    kinds = []
    for each in lines("jobs.batch-results.jsonl"):
        result = MessageBatchIndividualResponse.model_validate(each, strict=True).result
        assert result.type == "errored"
        kinds.append(result.error.error.type)
    assert kinds == [*ANTHROPIC_ERRORS.values(), *["api_error"] * 3, "timeout_error"]


def test_a_run_without_messages_has_no_anthropic_results(made: RunMaker) -> None:
    made.job(0)
    made.write()
    done = export("jobs.run", "--to", "anthropic-batch")
    assert done.exit_code == 2
    assert "has no job of /v1/messages" in done.stderr
    assert not Path("jobs.batch-results.jsonl").exists()


@pytest.mark.usefixtures("mixed")
def test_jsonl_has_every_column_and_json_as_json() -> None:
    assert export("jobs.run", "--to", "jsonl").exit_code == 0
    rows = lines("jobs.results.jsonl")
    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert list(rows[0]) == list(schema(ResultRow))
    assert (rows[0]["response"], rows[0]["metadata"]) == (CHAT_BODY, {"topic": "x"})
    assert (rows[0]["expected"], rows[0]["cost"]) == ("one", "0.000011")
    assert rows[0]["due_at"] == "2026-06-08T12:00:00Z"
    assert rows[2]["response"] is None


@pytest.mark.usefixtures("mixed")
def test_csv_is_read_back_by_others() -> None:
    assert export("jobs.run", "--to", "csv").exit_code == 0
    with Path("jobs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["index"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert rows[0]["text"] == "one\ntwo"
    assert json.loads(rows[0]["response"]) == CHAT_BODY
    assert Decimal(rows[0]["cost"]) == Decimal("0.000011")
    assert rows[0]["due_at"] == "2026-06-08T12:00:00.000000Z"
    assert rows[2]["response"] == ""


def test_no_two_formats_share_a_default_name() -> None:
    names = {default_path(Path("jobs.run"), to) for to in FORMATS}
    assert len(names) == len(FORMATS)
    assert Path("jobs.jsonl") not in names  # the job file itself


def test_vectors_and_reported_costs_are_in_every_table(made: RunMaker) -> None:
    made.job(0, vectors=[[0.5, -2.0], [1.0]], reported_cost=Decimal("0.0020"))
    made.job(1)
    made.write()
    for to in ("jsonl", "csv", "parquet"):
        assert export("jobs.run", "--to", to).exit_code == 0
    first, second = lines("jobs.results.jsonl")
    assert (first["vectors"], first["reported_cost"]) == ([[0.5, -2.0], [1.0]], "0.002")
    assert (second["vectors"], second["reported_cost"]) == (None, None)
    with Path("jobs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (json.loads(rows[0]["vectors"]), rows[1]["vectors"]) == ([[0.5, -2.0], [1.0]], "")
    assert pl.read_parquet("jobs.parquet")["vectors"].to_list() == [[[0.5, -2.0], [1.0]], None]


@pytest.mark.usefixtures("mixed")
def test_parquet_is_one_file_of_the_same_columns() -> None:
    assert export("jobs.run", "--to", "parquet").exit_code == 0
    table = pl.read_parquet("jobs.parquet")
    assert table.schema == schema(ResultRow)
    assert table.equals(
        pl.read_parquet("jobs.run/results/*.parquet").sort("index"), null_equal=True
    )
    assert sorted(path.name for path in Path().iterdir()) == ["jobs.parquet", "jobs.run"]


@pytest.mark.parametrize("to", ["openai-batch", "anthropic-batch", "jsonl", "csv", "parquet"])
def test_a_run_without_results_is_an_empty_file(made: RunMaker, to: str) -> None:
    made.write()
    done = export("jobs.run", "--to", to, "--out", "out")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "out: 0 results")
    if to == "parquet":
        assert pl.read_parquet("out").schema == schema(ResultRow)
    elif to == "csv":
        assert Path("out").read_text() == ",".join(schema(ResultRow)) + "\n"
    else:
        assert Path("out").read_bytes() == b""


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize("there", ["jobs.output.jsonl", "jobs.errors.jsonl"])
def test_nothing_is_overwritten_unasked(there: str) -> None:
    Path(there).write_text("mine")
    done = export("jobs.run", "--to", "openai-batch")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (f"Error: {there} is there already; name another file, or give --force\n")
    assert Path(there).read_text() == "mine"
    assert export("jobs.run", "--to", "openai-batch", "--force").exit_code == 0
    assert Path(there).read_text() != "mine"


def test_what_fails_midway_leaves_nothing_and_what_was_there(mixed: RunMaker) -> None:
    (mixed.directory / "images" / "5-0.png").unlink()
    Path("jobs.output.jsonl").write_text("mine")
    done = export("jobs.run", "--to", "openai-batch", "--force")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: the image jobs.run/images/5-0.png can't be read (No")
    assert Path("jobs.output.jsonl").read_text() == "mine"
    assert sorted(path.name for path in Path().iterdir()) == ["jobs.output.jsonl", "jobs.run"]


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize("to", ["jsonl", "csv", "parquet", "openai-batch"])
def test_a_place_that_is_none_is_a_line(to: str) -> None:
    done = export("jobs.run", "--to", to, "--out", "none/out.jsonl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: cannot write none/out")
    assert done.stderr.endswith(": No such file or directory\n")
    done = export("jobs.run", "--to", to, "--out", "jobs.run")
    assert done.stderr == "Error: jobs.run is a directory; name a file\n"


def test_a_run_under_way_gives_what_there_is(made: RunMaker) -> None:
    made.job(0)
    made.seal()
    made.manifest(Session(started_at=START, limits=made.limits))
    with made.at_work():
        done = export("jobs.run", "--to", "jsonl")
    assert done.stdout == "jobs.results.jsonl: 1 result\n"
    assert done.stderr == "the run is still running: these are the results so far\n"


def test_a_damaged_part_is_a_line(mixed: RunMaker) -> None:
    part = mixed.directory / "results" / "000000.parquet"
    data = bytearray(part.read_bytes())
    data[4:60] = bytes(56)  # the footer is whole, the pages are not
    part.write_bytes(data)
    done = export("jobs.run", "--to", "jsonl")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: a table in jobs.run can't be read")
    assert not Path("jobs.results.jsonl").exists()


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        ("jobs.output.jsonl", "jobs.errors.jsonl"),
        ("out.jsonl", "out.errors.jsonl"),
        ("out", "out.errors.jsonl"),
        (".jsonl", ".jsonl.errors.jsonl"),
    ],
)
def test_the_errors_file_is_named_for_the_output(output: str, errors: str) -> None:
    assert errors_name(output) == errors


def test_pieces_are_in_order_and_bounded(made: RunMaker) -> None:
    rng = Random(3)
    order = list(range(0, 400, 2))
    rng.shuffle(order)
    for index in order:
        made.result(index, text="x" * rng.randrange(1000), response="y" * rng.randrange(1000))
    run = open_run(made.write())
    pieces = list(in_input_order(run, piece_bytes=20_000))
    assert [index for piece in pieces for index in piece["index"]] == sorted(order)
    assert len(pieces) > 5
    for piece in pieces:  # the last row of a piece may go beyond
        texts = [*piece["text"], *piece["response"]]
        assert sum(map(len, texts)) < 22_000


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n@x", "'\n@x"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, None),
    ],
)
def test_what_a_spreadsheet_would_run_is_defused(cell: str | None, shown: str | None) -> None:
    made = pl.DataFrame({"text": [cell]}, schema={"text": pl.String}).with_columns(
        defused(pl.col(pl.String))
    )
    assert made["text"].to_list() == [shown]


def test_an_exported_cell_is_defused(made: RunMaker) -> None:
    made.job(0, text="=1+1", custom_id="-x", cost=Decimal("-1"))
    made.write()
    export("jobs.run", "--to", "csv")
    with Path("jobs.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["text"], row["custom_id"], Decimal(row["cost"])) == ("'=1+1", "'-x", Decimal(-1))


@pytest.mark.slow
@given(st.lists(st.none() | st.text(max_size=12), max_size=6))
@example(["=1+1", " \t@now", None, "a"])
def test_no_cell_begins_like_a_formula_and_all_come_back(texts: list[str | None]) -> None:
    table = (
        row_frame(ResultRow, [])
        .clear(len(texts))
        .with_columns(pl.Series("text", texts, dtype=pl.String))
    )
    written = table.select(defused(pl.col("text"))).write_csv(quote_style="always")
    cells = [row[0] for row in csv.reader(written.splitlines(keepends=True))][1:]
    assert len(cells) == len(texts)
    for text, cell in zip(texts, cells, strict=True):
        assert cell in (text or "", f"'{text}")
        assert not cell.lstrip(" \t\r\n").startswith(("=", "+", "-", "@"))
