"""Templates over the columns of a row: jinja2, sandboxed, where nothing undefined is passed over.

A null counts as undefined, also inside a struct: it must never become the word "None" in a prompt.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from ..errors import InputError

Row = Mapping[str, Any]
NO_COLUMN = "there is no column "


class BadRowError(Exception):
    """Why no job can be made of a row; the caller says which row it is.

    Args:
        said: the reason.
        column: the name that is not one of the columns, where that is the reason.
    """

    def __init__(self, said: str, *, column: str | None = None) -> None:
        super().__init__(said)
        self.column = column


class NoColumn(StrictUndefined):
    """A name that is not a column, or not a field of one. Any use of it is an error."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        if self._undefined_obj is missing:
            return f"{NO_COLUMN}{self._undefined_name!r}"
        return f"there is no field {self._undefined_name!r}"


class Null(NoColumn):
    """A null of the table. Any use of it is an error, but for tests and the filter `default`."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        filled = f"{{{{ {name} | default('') }}}}"
        return f"{name} is null; fill it as in {filled}, or leave the row out with --where"


class Template:
    """A text with places for a row's columns.

    Args:
        source: what stands in the recipe.
        what: which of its keys, for messages.

    Raises:
        InputError: it is not a template.
    """

    def __init__(self, source: str, what: str) -> None:
        self.what = what
        try:
            self.columns = frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))
            self._render: Callable[[Row], str] = _ENVIRONMENT.from_string(source).render
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            place = "" if line is None else f", line {line}"
            raise InputError(f"the recipe's {what}{place}: {error.message}") from error

    def render(self, row: Row) -> str:
        """The text for a row of `shown` values. Raises BadRowError."""
        try:
            return self._render(row)
        except UndefinedError as error:
            said = str(error.message)
            column = said.partition(NO_COLUMN)[2].strip("'")
            raise BadRowError(f"{self.what}: {said}", column=column or None) from error
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise BadRowError(f"{self.what}: {_in_words(error)}") from error


def is_template(text: str) -> bool:
    """Whether a string is more than itself."""
    return "{{" in text or "{%" in text


def shown(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """These columns of a row, as templates see them: nulls are undefined, and know their names."""
    found = {}
    for name in names:
        if name in row:
            value = row[name]
            # (Most values are texts and numbers, which stay as they are.)
            plain = value is not None and not isinstance(value, dict | list)
            found[name] = value if plain else _shown(value, name)
    return found


def _shown(value: Any, name: str) -> Any:
    if value is None:
        return Null(name=name)
    if isinstance(value, dict):
        return {key: _shown(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(each, f"{name}[{n}]") for n, each in enumerate(value)]
    return value


def _finalize(value: Any) -> Any:
    if value is None:
        raise TypeError("a null would become text")
    if isinstance(value, bytes):
        raise TypeError("a column of bytes would become text; name it in images")
    return value


def _is_none(value: Any) -> bool:
    return value is None or isinstance(value, Null)


def _as_json(value: Any, **options: Any) -> str:
    """`tojson`: a null in a struct or list is one."""
    import json

    def plain(each: Any) -> Any:
        if isinstance(each, Null):
            return None
        if isinstance(each, Undefined):
            raise UndefinedError(each._undefined_message)
        return str(each)

    return json.dumps(value, default=plain, ensure_ascii=False, **options)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=NoColumn, finalize=_finalize, autoescape=False
    )
    environment.tests["none"] = _is_none
    environment.filters["tojson"] = _as_json
    return environment


def _in_words(error: Exception) -> str:
    if isinstance(error, TypeError) and "str" in str(error):
        return f"{error}; a cell of CSV is text: write (column | float)"
    return str(error) or type(error).__name__


_ENVIRONMENT = _environment()
