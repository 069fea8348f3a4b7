"""The services that a command is to use: `[[services]]` of headrace.toml, and --service."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.settings_file import SETTINGS_FILE

from .stderr import print_err

if TYPE_CHECKING:
    from .services import ChosenServices


def chosen_services(
    names: Sequence[str], *, rpm: int | None, tpm: int | None
) -> "ChosenServices | None":
    """The services of the settings file that these names choose; None where it has none.

    Called within a command that has --base-url.

    Args:
        names: as --service gave them; without any all are chosen.
        rpm: requests per minute of services that set none.
        tpm: tokens per minute, likewise.

    Raises:
        InputError: a service can't be used, there is none of a name, or there is a base URL too.
    """
    from headrace.jobs import InputError, no_services
    from headrace.settings_file import SettingsFileError, has_table

    path = Path(SETTINGS_FILE)
    try:
        has_services = has_table(path, "services")
    except SettingsFileError as error:
        raise InputError(str(error)) from error
    if not has_services:
        if names:
            raise no_services(names[0], path)
        return None
    _refuse_base_url(path)
    from headrace.jobs import choose_services, services_in_settings

    from .services import ChosenServices

    known = services_in_settings(path, rpm=rpm, tpm=tpm)
    return ChosenServices(known, choose_services(known, names))


def _refuse_base_url(path: Path) -> None:
    """A base URL beside services would be a second answer to where jobs go."""
    from headrace.jobs import InputError

    from .base_url import URL_VARIABLE, base_urls_in_settings

    sources = click.core.ParameterSource
    source = click.get_current_context().get_parameter_source("base_url")
    if source is sources.COMMANDLINE:
        raise InputError(
            f"--base-url names one service, and {path} has [[services]]; leave it out, and choose "
            "among them by --service NAME"
        )
    if source is sources.DEFAULT_MAP or base_urls_in_settings():
        raise InputError(f"{path} has [[services]] and a base URL beside them; leave one out")
    if source is sources.ENVIRONMENT:
        print_err(f"{URL_VARIABLE} is ignored: {path} has [[services]].")


def the_one_service(chosen: "ChosenServices", *, model: str | None) -> "ChosenServices":
    """Chosen is what a load run is sent to: the only service, or the one that has the model.

    Raises InputError where that is not one.
    """
    from headrace.jobs import InputError

    found = list(chosen.chosen)
    if len(found) > 1 and model is not None:
        found = [each for each in found if model in each.models] or [
            each for each in found if "*" in each.models
        ]
    if len(found) != 1:
        names = ", ".join(each.name for each in chosen.chosen)
        raise InputError(
            f"a load run is sent to one service; choose one of {names} by --service NAME, or by "
            "--model where one alone has it"
        )
    return chosen._replace(chosen=found)
