"""Defaults of a command's flags, from headrace.toml. The root asks for them before a command runs,
so nothing large is imported here."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from headrace.settings_file import SettingsFileError, read_settings
from headrace.toml_keys import KeyTwiceError, snake_keys

# Tables that are not a command's: whoever needs them reads them.
OTHER_TABLES = ("limits", "base_urls", "endpoints", "services")


def defaults_for(
    command: click.Command, path: Path, all_commands: Mapping[str, Callable[[], click.Command]]
) -> dict[str, Any]:
    """Defaults for a command from a settings file: its own table, over the keys above all tables.

    click takes them after flags and environment variables, and before the built-in defaults.
    Raises click.UsageError for what can't be read, what no command has, and a key.

    Args:
        command: as click has it.
        path: of the file, which need not be there.
        all_commands: what loads each, by name; only called to see whether any has a setting.
    """
    try:
        data = snake_keys(read_settings(path))
    except SettingsFileError as error:
        raise click.UsageError(str(error)) from error
    except KeyTwiceError as error:
        raise click.UsageError(f"{path}: {error}") from error
    for name in OTHER_TABLES:
        data.pop(name, None)
    _check_arrays(data, path, all_commands)
    tables = {name: value for name, value in data.items() if isinstance(value, dict)}
    try:
        own = snake_keys(tables.get(command.name or "", {}))
    except KeyTwiceError as error:
        raise click.UsageError(f"{path}: [{command.name}]: {error}") from error
    common = {name: value for name, value in data.items() if name not in tables}
    if any("key" in name for name in (*own, *common)):
        raise click.UsageError(f"{path}: a key does not belong in a file; set HEADRACE_API_KEY")
    flags = _flags(command)
    for name, known in (
        *((name, [*all_commands, *OTHER_TABLES]) for name in tables),
        *((name, [*flags]) for name in own),
    ):
        if name not in known:
            raise _unknown(path, name, f" of `{command.name}`", known)
    if strange := [name for name in common if name not in _all_flags(command)]:
        known = sorted({flag for load in all_commands.values() for flag in _all_flags(load())})
        for name in strange:
            if name not in known:
                raise _unknown(path, name, "", known)
    if isinstance(command, click.Group):  # its commands have the options
        return {name: _taken(common, _flags(each)) for name, each in command.commands.items()}
    taken = _taken(common, flags) | _taken(own, flags)
    _check_lists(taken, path, command)
    return taken


def _check_arrays(data: Mapping[str, Any], path: Path, commands: Iterable[str]) -> None:
    """Lists of tables, in double brackets, are for who reads them; those were taken out."""
    for name, value in data.items():
        if not isinstance(value, list) or not any(isinstance(each, dict) for each in value):
            continue
        if name in commands:
            raise click.UsageError(f"{path}: [[{name}]] is one table; write [{name}]")
        raise _unknown(path, name, "", [*commands, *OTHER_TABLES])


def _check_lists(taken: Mapping[str, Any], path: Path, command: click.Command) -> None:
    """A flag that may be given several times is a list."""
    for param in command.params:
        value = taken.get(param.name or "")
        if value is None or not param.multiple or isinstance(value, list):
            continue
        name = _shown(param)
        raise click.UsageError(f'{path}: {name} is a list; write {name} = ["{value}"]')


def _shown(param: click.Parameter) -> str:
    """What a setting is called in the file."""
    return next(
        (each.removeprefix("--") for each in param.opts if each.startswith("--")), param.name or ""
    )


def _flags(command: click.Command) -> dict[str, str]:
    """What a command's settings are called in the file: as the flags are, or their parameters."""
    names: dict[str, str] = {}
    for param in command.params:
        assert param.name is not None
        spellings = [_snake_case(opt.removeprefix("--")) for opt in param.opts]
        names |= dict.fromkeys((*spellings, param.name), param.name)
    return names


def _snake_case(name: str) -> str:
    return name.replace("-", "_")


def _taken(given: Mapping[str, Any], flags: Mapping[str, str]) -> dict[str, Any]:
    """Those that the command has, by its parameters' names."""
    return {flags[name]: value for name, value in given.items() if name in flags}


def _all_flags(command: click.Command) -> list[str]:
    """The settings of a command, and of those below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return [*_flags(command), *(flag for each in below for flag in _flags(each))]


def _unknown(path: Path, name: str, of: str, known: Iterable[str]) -> click.UsageError:
    from headrace.jobs import suggested  # only what is wrong needs more than click

    near = suggested(name, (each.replace("_", "-") for each in known))
    return click.UsageError(f"{path}: {name!r} is not a setting{of}{near}")
