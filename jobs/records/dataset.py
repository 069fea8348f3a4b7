"""What run.json says of a run whose jobs were made of a table's rows: the table, and the recipe."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import InputError

# What a run directory holds of a table: the jobs that were made of its rows, a line for each; what
# came on standard input; and the ids that the table no longer has, with the lines that were theirs.
MADE_JOBS = "jobs.made.jsonl"
SPOOLED = "data"
LEFT_OUT = "left-out.jsonl"

SchemaBy = Literal["response_format", "tool", "output_config", "prompt"]


class Recipe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a row becomes a job. Files that the recipe names are read: their texts stand here.

    Args:
        model: a model's name, or a template of it.
        url: the endpoint's path.
        id: a column, or a template; None for a digest of the body.
        system, user: templates of the two usual messages.
        messages: instead of them, messages whose strings are templates; a string names the column
            that holds them.
        images: columns whose images go to the last message of a user.
        expected: a column, whose type is kept, or a template.
        metadata: columns that go along untouched.
        samples: how often each row is asked.
        schema: the JSON schema that answers must fit.
        schema_by: how the service is told of it; None is the endpoint's usual way.
        max_tokens, temperature: fields of the body.
        body: any other fields of the body; strings that hold `{{` or `{%` are templates.
    """

    model: str
    url: str = "/v1/chat/completions"
    id: str | None = None
    system: str | None = None
    user: str | None = None
    messages: str | list[dict[str, Any]] | None = None
    images: tuple[str, ...] = ()
    expected: str | None = None
    metadata: tuple[str, ...] = ()
    samples: int = 1
    schema: dict[str, Any] | None = None
    schema_by: SchemaBy | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    body: dict[str, Any] = {}


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which rows are chosen: those where the condition holds, of them a sample, of it the first.

    Args:
        where: a condition in SQL, as polars reads it.
        sample: how many rows are drawn, by `seed`.
        limit: how many are taken from the beginning of what is left.
    """

    where: str | None = None
    sample: int | None = None
    seed: int = 0
    limit: int | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The table of a run.

    Args:
        path: as the user wrote it; "-" is standard input, which RUN/data holds.
        digest: BLAKE2b-128 of its files, in hex; None of a table that is not a local file.
        selection: which of them are chosen.
        images_from: the directory that its images are below; None is the table's own.
        moved: whether a job has another line than its row says, since the table was another once.
    """

    path: str
    digest: str | None
    selection: Selection = Selection()
    images_from: str | None = None
    moved: bool = False


class LeftOut(msgspec.Struct, frozen=True):
    """A line of the list of ids that the table no longer has: `index` was their line, from 0."""

    index: int
    custom_id: str


def read_left_out(path: Path) -> list[LeftOut]:
    """The ids that are left out; none where there is no list. Raises InputError."""
    try:
        lines = path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=LeftOut) for line in lines]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeError, RecursionError, msgspec.DecodeError) as error:
        raise InputError(f"{path} can't be read: {error}; restore it") from error
