"""Limits of single models: the `limits` tables of headrace.toml.

    [limits."gpt-image-2"]
    rpm = 10
    tpm = "none"

A model with limits of its own has its own lane; all others share the limits of the flags.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.settings_file import SettingsFileError, read_settings

from .errors import InputError
from .job import Job
from .records import ModelLimits
from .wording import suggested

FIELDS = ("rpm", "tpm")
LIMIT_MAX = 10**18  # as of the flags; far larger ones are not numbers of a run.json


def model_limits_from(path: Path, *, rpm: int | None, tpm: int | None) -> dict[str, ModelLimits]:
    """The limits of single models from the settings file; empty where the file does not exist.

    Args:
        path: the settings file.
        rpm: requests per minute where a table sets none; None for no limit.
        tpm: tokens per minute where a table sets none; None for no limit.

    Returns:
        The limits by model.

    Raises:
        InputError: for anything that is not a limit.
    """
    try:
        tables = read_settings(path).get("limits", {})
    except SettingsFileError as error:
        raise InputError(str(error)) from error
    return model_limits_in(tables, rpm=rpm, tpm=tpm, where=f"{path}: ")


def model_limits_in(
    tables: Any, *, rpm: int | None, tpm: int | None, where: str, table: str = "limits"
) -> dict[str, ModelLimits]:
    """The limits of single models from tables as the file has them; see `model_limits_from`.

    `where` is what a message begins with, `table` what the tables are called.
    """
    if not isinstance(tables, Mapping):
        raise InputError(f'{where}limits are tables, like [{table}."gpt-image-2"]')
    others = {"rpm": rpm, "tpm": tpm}
    return {
        model: _limits(f'{where}[{table}."{model}"]', each, others)
        for model, each in tables.items()
    }


def _limits(where: str, table: object, others: dict[str, int | None]) -> ModelLimits:
    if not isinstance(table, Mapping):
        named = where.rpartition(": ")[2]
        raise InputError(f"{where} is not a table; write {named} and below it rpm = 60")
    if unknown := [name for name in table if name not in FIELDS]:
        raise InputError(
            f"{where} holds {unknown[0]!r}; it may hold rpm and tpm (a model with dots in its name "
            "needs quotes)" + suggested(unknown[0], FIELDS)
        )
    return ModelLimits(**{n: limit_of(where, n, table.get(n, others[n])) for n in FIELDS})


def limit_of(where: str, name: str, value: Any) -> int | None:
    """A limit as the file has it, None where it is "none". Raises InputError for anything else."""
    if value is None or value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LIMIT_MAX:
        raise InputError(
            f'{where} {name} is {value!r}; it is a whole number of at least 1, or "none"'
        )
    return value


def too_large(job: Job, tpm: int, *, what: str) -> str:
    """Why a job can't be sent that needs more tokens than a minute has; `what` is to be raised."""
    limit = job.output_limit_tokens or 0
    tokens = job.input_estimate_tokens + limit
    parts = f"about {job.input_estimate_tokens} of input"
    if limit:
        parts += f", {limit} of output allowed"
    return (
        f"needs {tokens} tokens ({parts}), more than the {tpm} tokens per minute that are allowed; "
        f"shorten it, lower max_tokens or raise {what}"
    )
