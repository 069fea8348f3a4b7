"""The settings file, for the command line's root and for what reads a table of it."""

from pathlib import Path
from typing import Any

from .text_file import read_text

SETTINGS_FILE = "headrace.toml"  # in the current directory
KEY_VARIABLE = "HEADRACE_API_KEY"  # of the environment: a key is never in that file


class SettingsFileError(ValueError):
    """The file is there and can't be read; the message names it."""


def has_table(path: Path, name: str) -> bool:
    """Whether the settings file has a table, or tables, of this name. Raises SettingsFileError."""
    return name in read_settings(path)


def read_settings(path: Path) -> dict[str, Any]:
    """What the settings file holds; nothing where there is none. Raises SettingsFileError."""
    import tomllib

    try:
        return tomllib.loads(read_text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        # No TOML, no UTF-8, a number of thousands of digits, or nested too deeply.
        raise SettingsFileError(f"{path} can't be used: {error}") from error
