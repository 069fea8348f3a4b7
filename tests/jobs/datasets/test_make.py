"""Rows into lines of a job file."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headrace.jobs import InputError
from headrace.jobs.datasets import made_jobs, open_table
from headrace.jobs.datasets.recipe import checked
from headrace.jobs.records import Selection

CSV = 'n,subject,note,label\n1,"a ""x""",hi,007\n2,c,,8\n3,"d\ne",é,9\n'


def made(path: Path, selection: Selection | None = None, **recipe: Any) -> list[dict[str, Any]]:
    """The lines, read back."""
    given = {"model": "m", "user": "{{ subject }}", **recipe}
    given = {name: value for name, value in given.items() if value is not None}
    jobs = made_jobs(open_table(str(path)), checked(given, "recipe"), selection or Selection())
    return [json.loads(job.line) for job in jobs]


def refusal(path: Path, **recipe: Any) -> str:
    with pytest.raises(InputError) as error:
        made(path, **recipe)
    return error.value.message


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(CSV)
    return path


def test_a_row_becomes_an_openai_batch_line(table: Path) -> None:
    first = made(
        table,
        id="n",
        system="Label it.",
        expected="label",
        metadata=["note"],
        max_tokens=20,
        temperature=0.5,
        body={"top_p": 0.9, "user": "{{ note | default('-') }}"},
    )[0]
    assert first == {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Label it."},
                {"role": "user", "content": 'a "x"'},
            ],
            "max_tokens": 20,
            "temperature": 0.5,
            "top_p": 0.9,
            "user": "hi",
        },
        "metadata": {"note": "hi"},
        "expected": "007",
    }


def test_anthropics_messages_have_the_system_apart(table: Path) -> None:
    body = made(table, url="/v1/messages", system="Label it.", max_tokens=5)[2]["body"]
    assert body["system"] == "Label it."
    assert body["messages"] == [{"role": "user", "content": "d\ne"}]


def test_each_row_has_its_own_images_alone(tmp_path: Path) -> None:
    """Also under messages without a template, which are the recipe's own."""
    path = tmp_path / "t.csv"
    path.write_text("link\nhttps://e.example/1.png\nhttps://e.example/2.png\n")
    asked = [{"role": "user", "content": "What is it?"}]
    lines = made(path, user=None, messages=asked, images=["link"])
    links = [
        [part["image_url"]["url"] for part in line["body"]["messages"][0]["content"][1:]]
        for line in lines
    ]
    assert links == [["https://e.example/1.png"], ["https://e.example/2.png"]]


def test_an_image_is_asked_for_by_its_prompt(table: Path) -> None:
    line = made(table, url="/v1/images/generations", body={"size": "1024x1024"})[0]
    assert line["body"] == {"model": "m", "prompt": 'a "x"', "size": "1024x1024"}
    assert "system has no place" in refusal(table, url="/v1/images/generations", system="x")


def test_what_the_endpoint_needs_and_the_recipe_lacks_is_told(table: Path) -> None:
    said = refusal(table, url="/v1/messages")
    assert said == f"{table}: row 1: the body has no max_tokens, which /v1/messages needs"


def test_several_messages_may_hold_templates_anywhere(table: Path) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "{{ subject }}!"}]},
        {"role": "assistant", "content": "Which?"},
        {"role": "user", "content": "{{ label }}"},
    ]
    body = made(table, user=None, messages=messages)[1]["body"]
    assert body["messages"][0]["content"] == [{"type": "text", "text": "c!"}]
    assert [each["content"] for each in body["messages"][1:]] == ["Which?", "8"]


def test_a_column_may_hold_the_messages_and_fields_keep_their_types(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "hi"}]
    path = tmp_path / "t.parquet"
    pl.DataFrame({"talk": [talk], "tags": [["a", "b"]], "n": [3]}).write_parquet(path)
    body = made(path, user=None, messages="talk", body={"stop": "{{ tags }}", "n": "{{ n }}"})[0]
    assert body["body"]["messages"] == talk
    assert body["body"]["stop"] == ["a", "b"]
    assert body["body"]["n"] == 3


def test_an_id_is_a_digest_of_the_body_whatever_stands_around_the_row(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text('{"subject":"a","other":1}\n{"subject":"b"}\n')
    two.write_text('{"subject":"b"}\n{"subject":"new"}\n{"subject":"a","other":2}\n')
    ids = [line["custom_id"] for line in made(one)]
    again = [line["custom_id"] for line in made(two)]
    assert (again[2], again[0]) == (ids[0], ids[1])
    assert [len(each) for each in ids] == [16, 16]
    assert made(one, temperature=1)[0]["custom_id"] != ids[0]


def test_equal_rows_and_samples_have_ids_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"subject":"a"}\n' * 3)
    ids = [line["custom_id"] for line in made(path, samples=2)]
    base = ids[0].removesuffix("-s1")
    endings = [each.removeprefix(base) for each in ids]
    assert endings == ["-s1", "-s2", "-2-s1", "-2-s2", "-3-s1", "-3-s2"]


def test_the_index_counts_rows_before_any_selection(table: Path) -> None:
    recipe = checked({"model": "m", "user": "{{ subject }}", "samples": 2}, "r")
    jobs = made_jobs(open_table(str(table)), recipe, Selection(where="n >= 2", limit=1))
    assert [job.job_index for job in jobs] == [2, 3]


def test_an_id_that_two_rows_share_names_both(table: Path) -> None:
    table.write_text("n,subject\n1,a\n2,b\n1,c\n")
    assert refusal(table, id="n") == f"{table}: row 3: id: '1' is the id of row 1 already"


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"user": "{{ subjct }}"}, "row 1: user: there is no column 'subjct'; did you mean"),
        ({"user": "{{ note }}"}, "row 2: user: note is null"),
        ({"user": "{{ note | upper }}"}, "row 2: user: note is null"),
        ({"user": "{{ 'x' if label | int > 8 else note }}"}, "row 2: user: note is null"),
        ({"user": "{{ n + 1 }}"}, "a cell of CSV is text: write (column | float)"),
        ({"id": "note"}, "row 2: id: it is null"),
        ({"id": "number"}, "has no column 'number'; there are "),
        ({"expected": "lable"}, "has no column 'lable'; did you mean 'label'?"),
        ({"metadata": ["nope"]}, "has no column 'nope'"),
        ({"images": ["note"]}, "images: note: hi can't be read"),
        ({"body": {"messages": []}}, "[body]: messages is set by the recipe too"),
        ({"user": "{{ subject"}, "the recipe's user, line 1: "),
        ({"user": "{{ subject.__class__.__mro__ }}"}, "unsafe"),
    ],
)
def test_a_row_that_no_job_can_be_made_of_is_named(
    table: Path, recipe: dict[str, Any], said: str
) -> None:
    assert said in refusal(table, **recipe)


def test_a_null_may_be_given_a_default_or_asked_about(table: Path) -> None:
    user = "{{ note | default('none') }}{% if note is none %}!{% endif %}"
    texts = [line["body"]["messages"][0]["content"] for line in made(table, user=user)]
    assert texts == ["hi", "none!", "é"]


def test_fields_of_a_struct_that_are_null_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    users = [{"name": "x", "tags": ["a"]}, {"name": None, "tags": [None]}, None]
    pl.DataFrame({"user": users}).write_parquet(path)
    assert "row 2: user: user.name is null" in refusal(path, user="{{ user.name }}")
    assert "row 2: user: user.tags[0] is null" in refusal(path, user="{{ user.tags | join }}")
    assert "row 3: user: user is null" in refusal(path, user="{{ user.name | default('') }}")
    assert "there is no field 'nam'" in refusal(path, user="{{ user.nam }}")


def test_a_message_that_is_a_column_of_numbers_is_text_and_a_list_of_parts_is_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.parquet"
    parts = [[{"type": "text", "text": "x"}]]
    pl.DataFrame({"n": [5], "parts": parts}).write_parquet(path)
    messages = [
        {"role": "user", "content": "{{ n }}"},
        {"role": "user", "content": "{{ parts }}"},
        {"role": "user", "content": [{"type": "text", "text": "{{ n }}"}]},
    ]
    (line,) = made(path, user=None, messages=messages, body={"seed": "{{ n }}"})
    assert [each["content"] for each in line["body"]["messages"]] == [
        "5",
        parts[0],
        [{"type": "text", "text": "5"}],
    ]
    assert line["body"]["seed"] == 5


def test_a_decimal_is_a_number_in_a_body_and_keeps_its_digits_where_it_is_expected(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"d": [Decimal("1.50")]}).write_parquet(path)
    (line,) = made(path, user="x", body={"temperature": "{{ d }}"}, expected="d")
    assert (line["body"]["temperature"], line["expected"]) == (1.5, "1.50")


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")], {"x": [float("nan")]}])
def test_a_number_that_json_has_not_is_named(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"v": [value]}).write_parquet(path)
    said = refusal(path, user="x", body={"temperature": "{{ v }}"})
    assert "row 1: [body].temperature: v is NaN or infinite" in said


def test_a_column_by_any_name_is_reached_through_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("first name\nAda\n")
    assert made(path, user="{{ row['first name'] }}")[0]["body"]["messages"][0]["content"] == "Ada"


def test_expected_keeps_the_type_of_its_column_and_a_template_is_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("q,whole,part,yes,zip\na,1,1.5,true,01\nb,2,2,false,2\n")

    def expected(source: str) -> list[Any]:
        return [line["expected"] for line in made(path, user="{{ q }}", expected=source)]

    assert expected("whole") == [1, 2]
    assert expected("part") == [1.5, 2.0]
    assert expected("yes") == [True, False]
    assert expected("zip") == ["01", "2"]
    assert expected("{{ whole }}!") == ["1!", "2!"]


def test_a_schema_is_part_of_each_body_and_so_of_the_id(table: Path) -> None:
    plain = made(table)
    form = made(table, schema={"type": "object"}, schema_by="tool")
    assert "tools" not in plain[0]["body"]
    assert form[0]["body"]["tool_choice"]["function"] == {"name": "answer"}
    assert {line["custom_id"] for line in plain}.isdisjoint(line["custom_id"] for line in form)
    with pytest.raises(InputError, match="schema_by is there and schema is not"):
        made(table, schema_by="tool")


def test_endpoints_beyond_the_reference_have_their_own_fields(table: Path) -> None:
    told = made(table, url="/v1/responses", system="Label it.", max_tokens=5)[1]["body"]
    assert told == {
        "model": "m",
        "instructions": "Label it.",
        "input": [{"role": "user", "content": "c"}],
        "max_output_tokens": 5,
    }
    assert made(table, url="/v1/embeddings")[1]["body"] == {"model": "m", "input": "c"}
    assert made(table, url="/v1/completions", max_tokens=5)[1]["body"] == {
        "model": "m",
        "prompt": "c",
        "max_tokens": 5,
    }
    ranked = made(table, url="/v1/rerank", body={"documents": ["a", "{{ label }}"]})[1]["body"]
    assert ranked == {"model": "m", "query": "c", "documents": ["a", "8"]}


@pytest.mark.parametrize(
    ("url", "key", "value"),
    [
        ("/v1/embeddings", "system", "x"),
        ("/v1/embeddings", "max_tokens", 5),
        ("/v1/rerank", "temperature", 0.5),
        ("/v1/completions", "system", "x"),
        ("/v1/responses", "images", ["note"]),
    ],
)
def test_what_has_no_place_at_an_endpoint_is_refused(
    table: Path, url: str, key: str, value: Any
) -> None:
    assert refusal(table, url=url, **{key: value}) == f"{key} has no place in a body for {url}"


@pytest.mark.parametrize("url", ["/v1/embeddings", "/v1/responses", "/v1/completions"])
def test_a_schema_goes_with_conversations_alone(table: Path, url: str) -> None:
    said = refusal(table, url=url, schema={"type": "object"})
    assert said == f"recipe: schema has no place in a body for {url}"
