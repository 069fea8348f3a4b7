"""Rows into lines of a job file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import InputError
from ..files import BadLineError, SeenIds, build_job
from ..records import Recipe, Selection
from ..wording import or_listed
from .body import BodyMaker
from .csv_types import CsvTypes, csv_types
from .selection import choose
from .table import Table
from .template import NO_COLUMN, BadRowError, Row, Template, is_template, shown

# So many digits of a body's digest are a row's id.
ID_DIGITS = 16
# The name by which a template has the whole row, for columns whose names are not identifiers.
ROW = "row"
_encode = msgspec.json.Encoder().encode
# A field of a body that has a decimal is a number. (What is expected keeps its digits: 1.50.)
_encode_body = msgspec.json.Encoder(decimal_format="number").encode


class MadeJob(NamedTuple):
    """One line of a job file, and where it is from.

    Args:
        job_index: row x samples + sample - 1, the row counted from 0 and before any selection.
        custom_id: its id.
        line: with its line end.
    """

    job_index: int
    custom_id: str
    line: bytes


class JobMaker:
    """Makes the lines of a table's rows; one after the other, since ids must differ.

    Args:
        table: what the rows are of.
        recipe: what jobs are made by.
        images_from: the directory that images are below; None is the table's own.

    Raises:
        InputError: the recipe can't be used, or names a column that the table lacks.
    """

    def __init__(self, table: Table, recipe: Recipe, *, images_from: str | None = None) -> None:
        self._recipe = recipe
        folder = table.folder if images_from is None else Path(images_from)
        self._body = BodyMaker(recipe, images_from=folder)
        self._ids = _Ids()
        self._id = None if recipe.id is None else _Value(recipe.id, "id")
        self._expected = None if recipe.expected is None else _Value(recipe.expected, "expected")
        self._types: CsvTypes | None = None
        self._url = _encode(recipe.url)
        self.columns = self._columns_of(table)
        self._names = None if self.columns is None else sorted(self.columns)

    def _columns_of(self, table: Table) -> set[str] | None:
        """The columns that are needed; None is all."""
        needed = set(self._body.columns) | set(self._recipe.metadata)
        for value in (self._id, self._expected):
            needed |= set() if value is None else value.columns
        if table.kind == "jsonl":  # any row may have any key
            return None if ROW in needed else needed
        known = table.columns
        whole = ROW in needed and ROW not in known
        named = {*self._recipe.metadata, *self._recipe.images}
        for value in (self._id, self._expected):
            named |= set() if value is None else value.named
        for name in sorted(named):
            if name not in known:
                raise InputError(f"{table.name} has no column {name!r}{or_listed(name, known)}")
        if table.kind == "csv" and self._expected is not None and self._expected.named:
            (name,) = self._expected.named
            rows = (piece.frame for piece in table.texts())
            self._types = csv_types([name], rows)
        return None if whole else needed

    def jobs(self, number: int, row: dict[str, Any]) -> Iterator[MadeJob]:
        """The lines of a row, as many as it has samples.

        Args:
            number: of the row, from 0.
            row: its values by column.

        Raises:
            BadRowError: no job can be made of it.
        """
        recipe = self._recipe
        values: Row = shown(row, row if self._names is None else self._names)
        if self._names is None and ROW not in row:
            values = {**values, ROW: values}
        body = _encode_body(self._body.make(values))
        try:
            job = build_job(body, url=recipe.url, custom_id="", number=number + 1)
        except BadLineError as error:
            raise BadRowError(str(error)) from error
        if self._id is None:
            custom_id = self._ids.of_digest(job.body_digest[:ID_DIGITS])
        else:
            custom_id = self._ids.given(self._id.of(row, values), number)
        rest = (
            b',"method":"POST","url":' + self._url + b',"body":' + body + self._along(row, values)
        )
        for sample in range(recipe.samples):
            each = custom_id if recipe.samples == 1 else f"{custom_id}-s{sample + 1}"
            line = b'{"custom_id":' + _encode(each) + rest
            yield MadeJob(number * recipe.samples + sample, each, line)

    def _along(self, row: dict[str, Any], values: Row) -> bytes:
        """What rides along with the body: metadata, and what is expected."""
        found = b""
        if self._recipe.metadata:
            along = {name: row.get(name) for name in self._recipe.metadata}
            found += b',"metadata":' + _json(along)
        if self._expected is not None:
            expected = self._expected.of(row, values)
            if self._types is not None:
                expected = self._types.value(self._recipe.expected or "", expected)
            if expected is not None:
                found += b',"expected":' + _json(expected)
        return found + b"}\n"


def made_jobs(
    table: Table, recipe: Recipe, selection: Selection, *, images_from: str | None = None
) -> Iterator[MadeJob]:
    """The lines of all chosen rows, in their order; memory holds a few rows, and ids as digests.

    Args:
        table: whose rows.
        recipe: what jobs are made by.
        selection: which rows.
        images_from: the directory that images are below; None is the table's own.

    Raises:
        InputError: no job can be made of a row, which it names by its number from 1.
    """
    maker = JobMaker(table, recipe, images_from=images_from)
    chosen = choose(table, selection)
    number = 0
    for rows in table.rows(maker.columns):
        for row in rows:
            if number in chosen:
                try:
                    yield from maker.jobs(number, row)
                except BadRowError as error:
                    known = row if table.kind == "jsonl" else table.columns
                    near = "" if error.column is None else or_listed(error.column, known)
                    raise InputError(f"{table.name}: row {number + 1}: {error}{near}") from error
            number += 1
        if chosen.none_from(number):
            return


def row_ids(
    table: Table, recipe: Recipe, selection: Selection, *, images_from: str | None = None
) -> Iterator[list[str | None] | None]:
    """The ids of each row's jobs, one for each sample, as they were or would be made.

    Args:
        table: whose rows.
        recipe: what jobs are made by.
        selection: which rows.
        images_from: the directory that images are below; None is the table's own.

    Returns:
        For each row its ids, None in the place of each where no job can be made of it; and None
        for a row that is not chosen.

    Raises:
        InputError: the recipe can't be used on the table.
    """
    maker = JobMaker(table, recipe, images_from=images_from)
    chosen = choose(table, selection)
    number = 0
    for rows in table.rows(maker.columns):
        for row in rows:
            if number not in chosen:
                yield None
            else:
                try:
                    yield [job.custom_id for job in maker.jobs(number, row)]
                except BadRowError:
                    yield [None] * recipe.samples
            number += 1


class _Value:
    """A column, whose value is kept as it is, or a template. `named` is the column."""

    def __init__(self, source: str, what: str) -> None:
        self._what = what
        self._template = Template(source, what) if is_template(source) else None
        self._column = source
        self.named = {source} if self._template is None else set()
        self.columns = set(self.named) if self._template is None else set(self._template.columns)

    def of(self, row: dict[str, Any], values: Row) -> Any:
        if self._template is not None:
            return self._template.render(values)
        if self._column not in row:
            said = f"{self._what}: {NO_COLUMN}{self._column!r}"
            raise BadRowError(said, column=self._column)
        return row[self._column]


class _Ids:
    """Ids that no two rows share."""

    def __init__(self) -> None:
        self._seen = SeenIds()
        self._repeats: dict[str, int] = {}

    def given(self, value: Any, number: int) -> str:
        """The id that a column holds. Raises BadRowError where it holds none, or another row's."""
        if value is None or value == "":
            raise BadRowError("id: it is null; each row needs one of its own")
        if isinstance(value, bytes | dict | list):
            raise BadRowError("id: it is neither text nor a number")
        custom_id = str(value)
        if not self._seen.add(custom_id, number + 1):
            first = self._seen.line_of(custom_id)
            raise BadRowError(f"id: {custom_id!r} is the id of row {first} already")
        return custom_id

    def of_digest(self, digest: str) -> str:
        """The id of a body; the k-th that is equal gets `-k`."""
        if self._seen.add(digest):
            return digest
        count = self._repeats[digest] = self._repeats.get(digest, 1) + 1
        return f"{digest}-{count}"


def _json(value: Any) -> bytes:
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRowError(f"metadata or expected can't be written as JSON: {error}") from error
