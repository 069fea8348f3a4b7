"""Which base URL a command or a program has: a flag's, a variable's, or the settings file's."""

import os
from collections.abc import Mapping
from pathlib import Path

from headrace.jobs import (
    BaseUrls,
    InputError,
    checked_base_urls,
    suggested,
)
from headrace.settings_file import SETTINGS_FILE, SettingsFileError, read_settings

URL_VARIABLE = "HEADRACE_BASE_URL"
TABLE = "base-urls"


def base_urls_from(
    given: str | Mapping[str, str] | None, environment: Mapping[str, str] = os.environ
) -> BaseUrls:
    """The base URLs of one for all, or of a mapping by protocol; without any that of the
    environment. Raises InputError."""
    if isinstance(given, Mapping) and any(given.values()):
        return checked_base_urls(given)
    url = base_url_from(None if isinstance(given, Mapping) else given, environment)
    return BaseUrls(url, url)


def base_url_from(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The base URL, or without one that of the environment, as `jobs.checked_base_urls` has it.
    Raises InputError."""
    text = given or environment.get(URL_VARIABLE)
    if not text:
        raise InputError(
            f"no base URL: give --base-url, set {URL_VARIABLE}, or run where {SETTINGS_FILE} has "
            "one; `headrace demo` needs none"
        )
    return checked_base_urls(text).openai


def base_urls_in_settings() -> dict[str, str]:
    """The table `[base-urls]` of the settings file, empty where it has none. Raises InputError."""
    path = Path(SETTINGS_FILE)
    try:
        data = read_settings(path)
    except SettingsFileError as error:
        raise InputError(str(error)) from error
    table = data.get(TABLE, data.get(TABLE.replace("-", "_"), {}))
    if not isinstance(table, dict) or not all(isinstance(each, str) for each in table.values()):
        raise InputError(f'{path}: [{TABLE}] holds openai = "https://..." and anthropic = "..."')
    if unknown := [name for name in table if name not in BaseUrls._fields]:
        raise InputError(
            f"{path}: [{TABLE}] holds {unknown[0]!r}; it may hold openai and anthropic"
            + suggested(unknown[0], BaseUrls._fields)
        )
    return table
