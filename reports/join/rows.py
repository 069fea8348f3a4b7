"""The rows that answers are joined to: those of the run's table, each with the line of its job."""

import glob
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

from headrace.jobs import (
    MADE_JOBS,
    SPOOLED,
    InputError,
    Recipe,
    Selection,
    Table,
    choose,
    open_table,
    row_ids,
)

from ..run import Run
from .answers import MISSING, NOT_CHOSEN, UNFINISHED

# Rows that are joined at a time: the fewer of these, the fewer passes over the results.
ROWS = 65_536
BYTES = 32 * 2**20


# The line of a row's job, and how it stands without a result.
_Key = tuple[int | None, str]


class _Made(msgspec.Struct):
    custom_id: str


class Rows:
    """The rows of a table in their order, one for each sample, in pieces.

    Each piece has the table's columns and `#index`, the line of the job, and `#status`, how it
    stands where it has no result. (No column of a table begins with a #, or it is refused.)

    Args:
        run: whose answers they get.
        table: whose rows they are.
        recipe: what jobs were made by.
        selection: which rows were chosen.
        images_from: as when they were made.
        by_id: whether rows are found by the ids of their jobs, and not by their numbers.
        as_text: whether cells of CSV stay as they are written.
    """

    def __init__(
        self,
        run: Run,
        table: Table,
        *,
        recipe: Recipe,
        selection: Selection,
        images_from: str | None,
        by_id: bool,
        as_text: bool,
    ) -> None:
        self._table = table
        self._recipe = recipe
        self._selection = selection
        self._images_from = images_from
        self._as_text = as_text
        self._lines = _lines_by_id(run) if by_id else None

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The rows; at least one piece, which may be empty. Raises InputError."""
        held: list[pl.DataFrame] = []
        keys = self._keys()
        rows = size = 0
        for piece in self._table.texts() if self._as_text else self._table.pieces():
            frame = self._keyed(piece.frame, piece.first, keys)
            held.append(frame)
            rows += len(frame)
            size += int(frame.estimated_size())
            if rows >= ROWS or size >= BYTES:
                yield pl.concat(held)
                held, rows, size = [], 0, 0
        if not held:
            empty = pl.DataFrame(schema=dict.fromkeys(self._table.columns, pl.String))
            held = [self._keyed(empty, 0, keys)]
        yield pl.concat(held)

    def _keyed(self, frame: pl.DataFrame, first: int, keys: Iterator[_Key]) -> pl.DataFrame:
        samples = self._recipe.samples
        count = len(frame)
        if samples > 1:
            frame = frame.select(pl.all().repeat_by(samples).explode())
            sample = pl.int_range(1, samples + 1, dtype=pl.Int32, eager=True)
            frame = frame.with_columns(
                pl.Series("sample", sample.to_list() * count, dtype=pl.Int32)
            )
        found = [next(keys) for _ in range(count * samples)]
        return frame.with_columns(
            pl.Series("#index", [each[0] for each in found], dtype=pl.Int64),
            pl.Series("#status", [each[1] for each in found], dtype=pl.String),
        )

    def _keys(self) -> Iterator[_Key]:
        """For each row and sample the line of its job, and how it stands without a result."""
        return self._keys_by_number() if self._lines is None else self._keys_by_id(self._lines)

    def _keys_by_number(self) -> Iterator[_Key]:
        chosen, samples = choose(self._table, self._selection), self._recipe.samples
        row = 0
        while True:
            status = UNFINISHED if row in chosen else NOT_CHOSEN
            for sample in range(samples):
                yield row * samples + sample, status
            row += 1

    def _keys_by_id(self, lines: dict[str, int]) -> Iterator[_Key]:
        for ids in row_ids(
            self._table, self._recipe, self._selection, images_from=self._images_from
        ):
            if ids is None:
                yield from [(None, NOT_CHOSEN)] * self._recipe.samples
            for custom_id in ids or ():
                line = None if custom_id is None else lines.get(custom_id)
                yield line, MISSING if line is None else UNFINISHED
        while True:  # there are no more rows, and nobody asks
            yield None, NOT_CHOSEN


def _lines_by_id(run: Run) -> dict[str, int]:
    """The lines of the run's jobs by their ids, as far as they are known."""
    made = run.directory / MADE_JOBS
    found: dict[str, int] = {}
    if made.exists():
        decode = msgspec.json.Decoder(_Made).decode
        with made.open("rb") as file:
            for index, line in enumerate(file):
                if line != b"\n":
                    found[decode(line).custom_id] = index
        return found
    table = run.results.select("custom_id", "index").collect(engine="streaming")
    return dict(table.iter_rows())


def table_of(run: Run, data: str | None, *, by_id: bool) -> tuple[Table, bool]:
    """The table that a run was made of, and whether its rows have to be found by their ids.

    Raises InputError where it is not known, or is not what it was.
    """
    dataset = run.manifest.dataset
    if dataset is None:
        if data is None:
            raise InputError(
                f"{run.directory} is the run of a job file; name the table with --data, and what "
                "made jobs of it with --recipe"
            )
        return open_table(data), True
    table = open_table(data if data is not None else _known_path(run, dataset.path))
    if by_id:
        return table, True
    digest = table.digest()
    if digest is None or dataset.digest is None:
        raise InputError(f"whether {table.name} is what it was can't be told; give --by-id")
    if digest != dataset.digest:
        raise InputError(
            f"{table.name} is not what it was when the run was made; --by-id joins the rows whose "
            "ids are the same"
        )
    return table, dataset.moved


def _known_path(run: Run, path: str) -> str:
    """Where run.json says that the table is, where that can be relied on.

    A run directory may come from elsewhere: it must not name any file of this machine.
    """
    if path == "-":
        return str(run.directory / SPOOLED)
    parent = run.directory.resolve().parent
    beside = parent / Path(path).name
    within = any(Path(path).resolve().is_relative_to(each) for each in (Path.cwd(), parent))
    if "://" not in path and within and _is_there(path):
        return path
    if "://" not in path and _is_there(str(beside)):
        return str(beside)
    raise InputError(f"the table of {run.directory} was {path}; name it with --data")


def _is_there(path: str) -> bool:
    return Path(path).exists() or bool(glob.glob(path, recursive=True))
