"""Limits of single models: the `limits` tables of headrace.toml.

    [limits."gpt-image-2"]
    rpm = 10
    tpm = "none"

A model with limits of its own has its own lane; all others share the limits of the flags.
"""

from pathlib import Path
from typing import Any

from headrace.settings_file import SettingsFileError, read_settings

from .errors import InputError
from .records import ModelLimits
from .wording import suggested

FIELDS = ("rpm", "tpm")


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
    if not isinstance(tables, dict):
        raise InputError(f'{path}: limits are tables, like [limits."gpt-image-2"]')
    others = {"rpm": rpm, "tpm": tpm}
    return {model: _limits(path, model, table, others) for model, table in tables.items()}


def _limits(path: Path, model: str, table: object, others: dict[str, int | None]) -> ModelLimits:
    where = f'{path}: [limits."{model}"]'
    if not isinstance(table, dict):
        raise InputError(f'{where} is not a table; write [limits."{model}"] and below it rpm = 60')
    if unknown := [name for name in table if name not in FIELDS]:
        raise InputError(
            f"{where} holds {unknown[0]!r}; it may hold rpm and tpm (a model with dots in its name "
            "needs quotes)" + suggested(unknown[0], FIELDS)
        )
    return ModelLimits(**{n: _limit(where, n, table.get(n, others[n])) for n in FIELDS})


def _limit(where: str, name: str, value: Any) -> int | None:
    if value is None or value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(
            f'{where} {name} is {value!r}; it is a whole number of at least 1, or "none"'
        )
    return value
