"""A table's rows with their answers: all of them, in their order, whatever became of the run."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner

from headrace.jobs import (
    Dataset,
    Ended,
    InputError,
    Recipe,
    Selection,
    Session,
    made_jobs,
    open_table,
    place_jobs,
)
from headrace.reports.join import join_run
from headrace.runner.main import main

from ..conftest import START, RunMaker

CSV = "zip,q,n\n007,a,1\n1,b,\n2,=c,3\n3,d,4\n4,e,5\n"


def table(made: RunMaker, text: str = CSV, **recipe: Any) -> Recipe:
    """A run of this table, made as the run itself makes it."""
    path = Path("t.csv")
    path.write_text(text)
    selection = recipe.pop("selection", Selection())
    found = open_table(str(path))
    made.recipe = Recipe(**{"model": "small", "user": "{{ q }}", "id": "q", **recipe})
    made.dataset = Dataset(path="t.csv", digest=found.digest(), selection=selection)
    made.directory.mkdir(exist_ok=True)
    place_jobs(
        made.directory / "jobs.made.jsonl",
        made.directory / "left-out.jsonl",
        made_jobs(found, made.recipe, selection),
    )
    return made.recipe


def joined(made: RunMaker, name: str = "o.parquet", **options: Any) -> pl.DataFrame:
    join_run(made.directory, Path(name), **options)
    return pl.read_parquet(name)


def written(made: RunMaker) -> RunMaker:
    made.write()
    return made


def refusal(made: RunMaker, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        join_run(made.directory, Path(options.pop("out", "o.parquet")), **options)
    return error.value.message


def reject(made: RunMaker, line: int) -> None:
    found = {"line": line, "reason": "too large", "text": "{}", "custom_id": "x"}
    (made.directory / "rejects.jsonl").write_text(json.dumps(found) + "\n")


def test_all_rows_are_there_in_their_order_with_what_became_of_each(made: RunMaker) -> None:
    table(made, selection=Selection(where="zip <> '1'"))
    made.attempt(2, cost=Decimal("0.1"), error_kind="http")
    made.attempt(2, 2, cost=Decimal("0.200000000001"))
    made.result(
        2,
        text="C",
        finish_reason="stop",
        input_tokens=5,
        output_tokens=2,
        attempts=2,
        cost=Decimal("0.200000000001"),
    )
    made.attempt(0, error_kind="http")
    made.result(0, status="failed", error_code="BAD", error_message="no good")
    reject(made, 4)
    found = joined(written(made))
    assert found.columns[:3] == ["zip", "q", "n"]
    assert found["zip"].to_list() == ["007", "1", "2", "3", "4"]
    assert found["n"].to_list() == [1, None, 3, 4, 5]
    assert found["answer_status"].to_list() == [
        "failed",
        "not chosen",
        "ok",
        "rejected",
        "unfinished",
    ]
    assert found["answer"].to_list() == [None, None, "C", None, None]
    assert found["answer_error"].to_list() == ["no good", None, None, "too large", None]
    assert found["cost"].to_list() == [None, None, Decimal("0.300000000001"), None, None]
    row = found.row(2, named=True)
    assert (row["finish_reason"], row["input_tokens"], row["output_tokens"]) == ("stop", 5, 2)


def test_an_answer_without_the_form_that_was_asked_for_is_invalid_and_kept(made: RunMaker) -> None:
    table(made)
    made.job(0, status="failed", error_code="SCHEMA", error_message="no label", text="{}")
    found = joined(written(made))
    assert found.row(0, named=True)["answer_status"] == "invalid"
    assert (found["answer"][0], found["answer_error"][0]) == ("{}", "no label")


FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"enum": ["billing", "login"]},
        "index": {"type": "integer"},
        "cost": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def test_the_fields_of_a_schema_are_columns_of_their_types(made: RunMaker) -> None:
    """Of answers that fit; a field by the name of another column has one of its own."""
    table(made, schema=FORM)
    answer = {"label": "=login", "index": 3, "cost": 0.5, "tags": ["a", "b"]}
    made.job(0, text=json.dumps(answer), cost=Decimal("0.25"))
    made.job(1, status="failed", error_code="SCHEMA", error_message="no", text='{"label": "x"}')
    made.job(2, text='{"index": 4.0}')
    found = joined(written(made))
    assert found.columns[-4:] == ["label", "index", "field_cost", "tags"]
    assert found["label"].to_list() == ["=login", *[None] * 4]
    assert found["index"].to_list() == [3, None, 4, None, None]
    assert found["index"].dtype == pl.Int64
    assert found["field_cost"].to_list() == [0.5, *[None] * 4]
    assert found["cost"][0] == Decimal("0.25")
    assert found["tags"].to_list() == [["a", "b"], *[None] * 4]
    assert found["answer"].to_list()[1] == '{"label": "x"}'
    join_run(made.directory, Path("o.csv"))
    assert '\n007,a,1,"{""label""' in Path("o.csv").read_text()
    assert "'=login,3,0.5," in Path("o.csv").read_text()
    join_run(made.directory, Path("o.jsonl"), prefix="my_")
    first = json.loads(Path("o.jsonl").read_text().splitlines()[0])
    assert (first["my_label"], first["my_tags"]) == ("=login", ["a", "b"])


def test_a_field_by_the_name_of_a_column_of_the_table_is_refused(made: RunMaker) -> None:
    table(made, schema={"properties": {"zip": {"type": "string"}}})
    made.job(0, text='{"zip": "1"}')
    said = refusal(written(made))
    assert "the table has a column 'zip' already; give --prefix answer_" in said
    assert joined(made, prefix="answer_")["answer_zip"][0] == "1"


def test_csv_keeps_the_tables_cells_and_defuses_answers(made: RunMaker) -> None:
    table(made)
    made.job(0, text="=1+1", cost=Decimal("0.0000012"))
    made.job(1, cost=Decimal(20))
    made.write()
    join_run(made.directory, Path("o.csv"))
    lines = Path("o.csv").read_text().splitlines()
    assert lines[0] == (
        "zip,q,n,answer,answer_status,answer_error,finish_reason,input_tokens,output_tokens,cost"
    )
    assert lines[1] == "007,a,1,'=1+1,ok,,,,,0.0000012"
    assert lines[2] == "1,b,,,ok,,,,,20"
    assert lines[3] == "2,=c,3,,unfinished,,,,,"


def test_jsonl_has_exact_costs_and_typed_cells(made: RunMaker) -> None:
    table(made)
    made.job(1, text="B", cost=Decimal("0.0000000012"))
    made.write()
    join_run(made.directory, Path("o.jsonl"))
    rows = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert (rows[1]["n"], rows[1]["answer"], rows[1]["cost"]) == (None, "B", "0.0000000012")
    assert (rows[0]["zip"], rows[0]["n"]) == ("007", 1)


def test_one_row_for_each_sample(made: RunMaker) -> None:
    table(made, samples=2)
    for index in (0, 1, 3):
        made.job(index, text=f"t{index}")
    found = joined(written(made))
    assert found["q"].to_list()[:4] == ["a", "a", "b", "b"]
    assert found["sample"].to_list()[:4] == [1, 2, 1, 2]
    assert found["answer"].to_list()[:4] == ["t0", "t1", None, "t3"]


def test_a_run_that_was_killed_or_is_running_gives_what_it_has(made: RunMaker) -> None:
    table(made)
    made.job(0, text="sealed")
    made.seal()
    attempt, result = made.attempt(1, cost=Decimal(1)), made.result(1, text="journalled")
    made.journal(Ended(attempt=attempt, result=result), torn=b'{"type":"en')
    made.manifest(Session(started_at=START, limits=made.limits))
    found = joined(made)
    assert found["answer"].to_list() == ["sealed", "journalled", None, None, None]
    assert found["cost"].to_list()[1] == Decimal(1)
    with made.at_work():
        assert join_run(made.directory, Path("p.parquet")).running


def test_vectors_are_a_list_column_and_images_are_paths(made: RunMaker) -> None:
    table(made)
    made.job(0, vectors=[[1.0, 0.5]])
    data = [{"b64_json": "images/1-0.png"}, {"url": "https://x/y.png"}]
    url = "/v1/images/generations"
    made.job(1, url=url, response=msgspec.json.encode({"data": data}).decode())
    found = joined(written(made))
    assert found["embedding"].to_list()[0] == [1.0, 0.5]
    assert found["embedding"].dtype == pl.List(pl.Float32)
    assert found["images"].to_list()[1] == ["jobs.run/images/1-0.png", "https://x/y.png"]
    assert found["answer"].to_list()[1] == "jobs.run/images/1-0.png"


def test_several_vectors_of_an_answer_stay_together(made: RunMaker) -> None:
    table(made)
    made.job(0, vectors=[[1.0], [2.0]])
    assert joined(written(made))["embeddings"].to_list()[0] == [[1.0], [2.0]]


def test_a_table_that_changed_is_refused_or_joined_by_id(made: RunMaker) -> None:
    table(made)
    for index, text in enumerate("ABCDE"):
        made.job(index, text=text, custom_id=["a", "b", "=c", "d", "e"][index])
    made.write()
    Path("t.csv").write_text("zip,q,n\n9,new,1\n4,e,5\n007,a,1\n0,,0\n")
    assert "t.csv is not what it was when the run was made; --by-id" in refusal(made)
    found = joined(made, by_id=True)
    assert found["q"].to_list() == ["new", "e", "a", None]
    assert found["answer"].to_list() == [None, "E", "A", None]
    assert found["answer_status"].to_list() == ["missing", "ok", "ok", "missing"]


def test_rows_named_by_their_bodies_are_found_again(made: RunMaker) -> None:
    recipe = table(made, id=None)
    ids = [job.custom_id for job in made_jobs(open_table("t.csv"), recipe, Selection())]
    made.job(1, text="B", custom_id=ids[1])
    made.write()
    Path("t.csv").write_text("q,n\nb,1\na,2\n")
    found = joined(made, by_id=True)
    assert found["answer"].to_list() == ["B", None]
    assert found["answer_status"].to_list() == ["ok", "unfinished"]


def test_a_run_of_a_job_file_needs_table_and_recipe(made: RunMaker) -> None:
    recipe = table(made)
    made.dataset = made.recipe = None
    (made.directory / "jobs.made.jsonl").unlink()
    made.job(7, text="B", custom_id="b")
    made.write()
    assert "is the run of a job file; name the table with --data" in refusal(made)
    assert "name it with --recipe" in refusal(made, data="t.csv")
    found = joined(made, data="t.csv", recipe=recipe)
    assert found["answer"].to_list() == [None, "B", None, None, None]
    assert found["answer_status"].to_list()[:2] == ["missing", "ok"]


def test_a_column_by_the_same_name_is_refused_and_a_prefix_offered(made: RunMaker) -> None:
    table(made, "q,cost,answer\na,1,x\n")
    made.job(0, text="A")
    made.write()
    assert "has a column 'answer' already; give --prefix answer_" in refusal(made)
    found = joined(made, prefix="answer_")
    assert found.row(0, named=True)["answer"] == "x"
    assert (found["answer_answer"][0], found["answer_answer_status"][0]) == ("A", "ok")


def test_a_column_of_the_samples_own_name_is_refused(made: RunMaker) -> None:
    table(made, "q,sample\na,1\n", samples=2)
    made.write()
    assert "the table has a column 'sample', as the samples have" in refusal(made)


def test_a_table_beside_the_run_is_found_from_any_directory(
    made: RunMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(made)
    made.job(0, text="A")
    made.write()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = made.directory.resolve()
    monkeypatch.chdir(elsewhere)
    join_run(run, Path("o.parquet"))
    assert pl.read_parquet("o.parquet")["answer"].to_list() == ["A", None, None, None, None]
    (run.parent / "t.csv").unlink()
    with pytest.raises(InputError, match=r"the table of .* was t\.csv; name it with --data"):
        join_run(run, Path("o.parquet"))


def test_run_json_names_no_file_of_this_machine_from_elsewhere(
    made: RunMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(made)
    assert made.dataset is not None
    far = tmp_path.parent / f"{tmp_path.name}-far.csv"
    far.write_text(CSV)
    made.dataset = msgspec.structs.replace(made.dataset, path=str(far))
    made.write()
    assert "was" in refusal(made)
    assert "name it with --data" in refusal(made)
    made.dataset = msgspec.structs.replace(made.dataset, path="https://example.com/t.csv")
    made.manifest()
    assert "name it with --data" in refusal(made)
    assert len(joined(made, data="t.csv")) == 5


def test_what_can_t_be_written_is_told(made: RunMaker) -> None:
    table(made)
    made.write()
    assert "end it in .parquet, .csv or .jsonl" in refusal(made, out="o.xlsx")
    assert "is the table itself" in refusal(made, out="t.csv")
    assert "cannot write" in refusal(made, out="nowhere/o.csv")
    # A table among the run's own made every later command refuse the run.
    for name in ("results/o.parquet", "reasks.parquet", "scores/exact/o.parquet"):
        said = refusal(made, out=made.directory / name)
        assert "would stand among the files of the run; name one elsewhere" in said
    joined(made, "jobs.run/answers.parquet")


def test_a_table_without_rows_is_joined_too(made: RunMaker) -> None:
    table(made, "q\n")
    made.write()
    found = joined(made)
    assert (len(found), found.columns[:2]) == (0, ["q", "answer"])


def test_the_command_says_how_many_of_which(made: RunMaker) -> None:
    table(made)
    made.job(0, text="A")
    made.write()
    done = CliRunner().invoke(main, ["join", "jobs.run", "--out", "o.csv"], prog_name="headrace")
    assert (done.exit_code, done.stdout) == (0, "o.csv: 5 rows (1 ok, 4 unfinished)\n")
