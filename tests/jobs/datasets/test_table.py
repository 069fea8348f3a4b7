"""Tables of every kind, read whole and in order."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import InputError
from headrace.jobs.datasets import Table, open_table
from tests.object_store import object_store

KINDS = ["csv", "jsonl", "parquet", "arrow"]
FRAME = pl.DataFrame({"n": [1, 2, 3], "t": ["a", None, 'c "x"\nd']})


def rows_of(table: Table) -> list[dict[str, object]]:
    return [row for rows in table.rows() for row in rows]


def typed(table: Table) -> pl.DataFrame:
    return pl.concat([piece.frame for piece in table.pieces()])


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as error:
        typed(open_table(str(path)))
    return error.value.message


def written(folder: Path, ending: str) -> Path:
    path = folder / f"t.{ending}"
    write: dict[str, Callable[[Path], object]] = {
        "csv": FRAME.write_csv,
        "jsonl": FRAME.write_ndjson,
        "parquet": FRAME.write_parquet,
        "arrow": FRAME.write_ipc,
    }
    write[ending](path)
    return path


@pytest.mark.parametrize("ending", KINDS)
def test_each_kind_is_known_by_its_content_and_read_alike(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, ending)
    bare = path.rename(tmp_path / "data")
    assert open_table(str(bare)).kind == ending
    assert typed(open_table(str(bare))).equals(FRAME)
    assert open_table(str(bare)).columns == ["n", "t"]


def test_packed_text_is_unpacked(tmp_path: Path) -> None:
    for ending in ("csv", "jsonl"):
        path = written(tmp_path, ending)
        (tmp_path / f"p.{ending}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert typed(open_table(str(tmp_path / "p.csv.gz"))).equals(FRAME)
    assert typed(open_table(str(tmp_path / "p.jsonl.gz"))).equals(FRAME)


def test_a_glob_is_one_table_in_the_order_of_names(tmp_path: Path) -> None:
    for name, text in (("b", "3"), ("a", "1"), ("c", "4")):
        (tmp_path / f"{name}.csv").write_text(f"n\n{text}\n")
    table = open_table(str(tmp_path / "*.csv"))
    assert [row["n"] for row in rows_of(table)] == ["1", "3", "4"]
    assert [piece.first for piece in table.pieces()] == [0, 1, 2]
    digest = table.digest()
    (tmp_path / "c.csv").write_text("n\n5\n")
    assert table.digest() != digest
    (tmp_path / "c.csv").write_text("m\n5\n")
    assert "has other columns than" in refusal(tmp_path / "*.csv")


def test_tabs_separate_where_the_name_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tb\n1\tx,y\n")
    assert rows_of(open_table(str(tmp_path / "t.tsv"))) == [{"a": "1", "b": "x,y"}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_in_job_files(encoding: str, tmp_path: Path) -> None:
    """PowerShell's `>` and Excel's "Unicode text" write it."""
    (tmp_path / "t.csv").write_bytes("a,b\r\n1,é😀\r\n".encode(encoding))
    (tmp_path / "t.jsonl").write_bytes('{"a":"é😀"}\n'.encode(encoding))
    assert rows_of(open_table(str(tmp_path / "t.csv"))) == [{"a": "1", "b": "é😀"}]
    assert rows_of(open_table(str(tmp_path / "t.jsonl"))) == [{"a": "é😀"}]


def test_keys_of_json_may_come_late_and_values_may_differ_in_kind(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a":1,"u":{"x":1}}\n\n{"a":1.5,"u":{"y":[1]}}\n{"a":"s","b":[1],"u":null}\n')
    frame = typed(open_table(str(path)))
    assert frame["a"].to_list() == ["1", "1.5", "s"]
    assert frame["b"].to_list() == [None, None, [1]]
    assert frame["u"].to_list()[1] == {"x": None, "y": [1]}


def test_cells_of_csv_have_a_type_only_where_all_are_written_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("zip,n,x,yes,no\n007,1,1.0,true,\n1,,2e3,False,\n")
    types = [str(dtype) for dtype in typed(open_table(str(path))).dtypes]
    assert types == ["String", "Int64", "Float64", "Boolean", "String"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "row 2 has 3 cells and the header 2"),
        ("t.csv", b"a,a\n1,2\n", "has the column 'a' twice"),
        ("t.csv", b"", "is empty; its first line names the columns"),
        ("t.csv", "a,b\n1,é\n".encode("latin-1"), "is not UTF-8: line 2 holds the byte 0xe9"),
        ("t.jsonl", '{"a":"é"}\n'.encode("latin-1"), "is not UTF-8: line 1 holds the byte 0xe9"),
        ("t.csv", "a\nx\n".encode("utf-32"), "is in UTF-32; save it as UTF-8"),
        ("t.csv", "a\nx\n".encode("utf-16")[:-1], "is in UTF-16 and ends within a character"),
        ("t.csv", b'a,b\n1,"2\n', "a quote that nothing closes, perhaps"),
        ("t.jsonl", b'{"a":1}\n{"a":\n', "line 2 is not JSON: unexpected end at "),
        ("t.jsonl", b'{"a": NaN}\n', "line 1 is not JSON: NaN at "),
        ("t.jsonl", b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}", "line 1 is nested too deeply"),
        ("t.jsonl", b'[{"a":1}]\n', "line 1 is not an object (the file is a JSON array?)"),
        ("t.jsonl", b"[\n", "is a JSON array; write one object per line"),
        ("t.parquet", b"a,b\n1,2\n", "is not Parquet, whatever its name says"),
        ("t.parquet", b"PAR1garbage", "can't be read"),
        ("t.csv.gz", gzip.compress(b"a\n1\n", mtime=0)[:-9], "truncated"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_one_line(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert said in refusal(path)
    assert "\n" not in refusal(path)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert "is not there; name a table" in refusal(tmp_path / "nope.csv")
    assert "no file matches" in refusal(tmp_path / "*.csv")
    assert "is a directory; name its files" in refusal(tmp_path)
    assert "what it holds can't be told" in refusal("s3://bucket/data")


def test_a_url_is_left_to_polars_and_has_no_digest() -> None:
    table = open_table("s3://bucket/data/*.parquet")
    assert (table.kind, table.digest(), list(table.files)) == ("parquet", None, [])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`s3://bucket/t.parquet` and its like, on loopback."""
    objects = {f"t.{kind}": written(tmp_path, kind).read_bytes() for kind in KINDS}
    objects |= {"d/a.parquet": objects["t.parquet"], "d/b.parquet": objects["t.parquet"]}
    with object_store(objects) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_store_has_tables_of_every_kind(kind: str) -> None:
    assert typed(open_table(f"s3://bucket/t.{kind}")).equals(FRAME)


@pytest.mark.usefixtures("store")
def test_a_glob_in_an_object_store_is_one_table() -> None:
    assert typed(open_table("s3://bucket/d/*.parquet")).equals(pl.concat([FRAME, FRAME]))
    said = refusal("s3://bucket/none.parquet")
    assert said.startswith("s3://bucket/none.parquet can't be read: ")
    assert "not found" in said
    assert "\n" not in said
