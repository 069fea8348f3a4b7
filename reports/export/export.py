"""Results for other programs: batch output, JSONL, CSV, one Parquet. In input order, and whole.

Memory holds one piece of the run at a time, whatever its size.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, get_args

import msgspec
import polars as pl

from headrace.jobs import InputError, Result, check_path, schema, strip_zeros

from ..output import refuse_existing, refuse_within, whole_file
from ..run import Run, open_run, reading_tables
from .batch_lines import BATCH_COLUMNS, MESSAGES, anthropic_line, json_or_none, openai_line
from .ordered import in_input_order
from .vectors import vectors_of_rows

Format = Literal["openai-batch", "anthropic-batch", "jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS: dict[Format, str] = {
    "openai-batch": ".output.jsonl",
    "anthropic-batch": ".batch-results.jsonl",
    "jsonl": ".results.jsonl",
    "csv": ".csv",
    "parquet": ".parquet",
}
ERRORS_ENDING = ".errors.jsonl"
# Columns that hold JSON: in JSONL they are objects, not text.
JSON_COLUMNS = ("response", "metadata", "expected")
AMOUNTS = ("cost", "reported_cost")
# What a spreadsheet would take for a formula, blanks before it included.
FORMULA = r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]"
CSV_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


class Exported(NamedTuple):
    """What was written: the files, the rows in each, and the jobs that the format has no place
    for. `running` says that the run is still running, so there will be more."""

    files: dict[Path, int]
    left_out: int
    running: bool


def export_run(
    directory: Path, to: Format, out: Path | None = None, *, force: bool = False
) -> Exported:
    """Write the results of a run to `out` (default: beside the run, named for it).

    A file is there whole or not at all. For openai-batch failed jobs go to a second file, whose
    name ends in `.errors.jsonl`.

    Args:
        directory: the run.
        to: the format.
        out: the file; None is one beside the run, named for it.
        force: overwrite a file that is there.

    Raises:
        InputError: the run can't be read, or a file can't be written.
    """
    path = default_path(directory, to) if out is None else out
    check_path(path)
    refuse_within(directory, path)
    errors = path.with_name(errors_name(path.name)) if to == "openai-batch" else None
    for each in (path, errors):
        if each is not None:
            refuse_existing(each, force=force)
    run = open_run(directory)
    with reading_tables(directory):
        if errors is not None:
            files, left_out = _openai(run, path, errors), 0
        elif to == "anthropic-batch":
            files, left_out = _anthropic(run, path)
        elif to == "jsonl":
            files, left_out = _jsonl(run, path), 0
        elif to == "csv":
            files, left_out = _csv(run, path), 0
        else:
            files, left_out = _parquet(run, path), 0
    return Exported(files, left_out, run.running)


def default_path(directory: Path, to: Format) -> Path:
    """jobs.run -> jobs.output.jsonl, jobs.csv, ..., beside it."""
    name = directory.resolve().name
    return directory.parent / (name.removesuffix(".run") + ENDINGS[to])


def errors_name(name: str) -> str:
    """The name of the file of errors that belongs to an output file."""
    for ending in (ENDINGS["openai-batch"], ".jsonl"):
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending) + ERRORS_ENDING
    return name + ERRORS_ENDING


def _rows(run: Run, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    for piece in in_input_order(run, columns):
        yield from piece.iter_rows(named=True)


def _openai(run: Run, output: Path, errors: Path) -> dict[Path, int]:
    counts = {output: 0, errors: 0}
    with ExitStack() as stack:
        files = {each: _opened(stack, each) for each in counts}
        for piece in in_input_order(run, (*BATCH_COLUMNS, "vectors")):
            vectors = vectors_of_rows(piece["vectors"])
            rows = piece.select(BATCH_COLUMNS).iter_rows(named=True)
            for row, own in zip(rows, vectors, strict=True):
                line = openai_line(row, run.directory, own)
                target = errors if line.is_error else output
                files[target].write(line.data + b"\n")
                counts[target] += 1
    return counts


def _anthropic(run: Run, path: Path) -> tuple[dict[Path, int], int]:
    count = left_out = 0
    with ExitStack() as stack:
        file = _opened(stack, path)
        for row in _rows(run, BATCH_COLUMNS):
            if row["url"] in MESSAGES:
                file.write(anthropic_line(row) + b"\n")
                count += 1
            else:
                left_out += 1
        if left_out and not count:
            raise InputError(
                f"{run.directory} has no job of /v1/messages, whose answers alone are Anthropic's; "
                "export it to openai-batch"
            )
    return {path: count}, left_out


def _jsonl(run: Run, path: Path) -> dict[Path, int]:
    count = 0
    with ExitStack() as stack:
        file = _opened(stack, path)
        for row in _rows(run):
            for name in JSON_COLUMNS:
                row[name] = json_or_none(row[name])
            for name in AMOUNTS:
                row[name] = None if row[name] is None else strip_zeros(row[name])
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
    return {path: count}


def _csv(run: Run, path: Path) -> dict[Path, int]:
    count = 0
    with ExitStack() as stack:
        file = _opened(stack, path)
        _flat(_frame(run)).write_csv(file)  # the names of the columns
        for piece in in_input_order(run):
            _flat(piece).with_columns(defused(pl.col(pl.String))).write_csv(
                file, include_header=False, datetime_format=CSV_TIME
            )
            count += len(piece)
    return {path: count}


def _flat(piece: pl.DataFrame) -> pl.DataFrame:
    """The rows with their vectors as JSON text: a cell of CSV holds no list."""
    texts = [
        None if each is None else msgspec.json.encode(each).decode()
        for each in piece["vectors"].to_list()
    ]
    return piece.with_columns(pl.Series("vectors", texts, dtype=pl.String))


def defused(texts: pl.Expr) -> pl.Expr:
    """Texts, with a quote before those that a spreadsheet would run as formulas."""
    return pl.when(texts.str.contains(FORMULA)).then("'" + texts).otherwise(texts).name.keep()


def _parquet(run: Run, path: Path) -> dict[Path, int]:
    count = 0
    with whole_file(path) as file, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts: list[Path] = []
        for piece in in_input_order(run):
            parts.append(Path(folder) / f"{len(parts):06}.parquet")
            piece.write_parquet(parts[-1], compression="zstd")
            count += len(piece)
        if parts:
            # A row group is what a writer holds, and what a reader will.
            pl.scan_parquet(parts).sink_parquet(
                file, compression="zstd", row_group_size=max(1, count // len(parts))
            )
        else:
            _frame(run).write_parquet(file)
    return {path: count}


def _frame(run: Run) -> pl.DataFrame:
    """A frame without rows, and with the columns of the results."""
    return pl.DataFrame(schema=schema(Result)).select(run.results.collect_schema().names())


def _opened(stack: ExitStack, path: Path) -> IO[bytes]:
    """A file to write, which takes its place when the stack ends well."""
    return stack.enter_context(whole_file(path))
