"""The body of a row's request, as its recipe says."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..endpoints import ENDPOINTS, EndpointKind
from ..errors import InputError
from ..forms import SchemaRequest, way_of
from ..records import Recipe
from .images import Image, images_in
from .template import NO_COLUMN, BadRowError, Null, Row, Template, is_template

Value = Callable[[Row], Any]
# Keys of a recipe that only conversations have a place for.
TALK = ("system", "messages", "images")
# The field of a body that says what the system says, where that is not a message.
SYSTEM_FIELDS: dict[EndpointKind, str] = {"messages": "system", "responses": "instructions"}
# A string that is nothing but a column has the column's value, whatever its type.
BARE = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*", re.ASCII)


class BodyMaker:
    """Makes bodies of rows; `columns` are those that it needs.

    Args:
        recipe: what they are made by.
        images_from: the directory that images are below.

    Raises:
        InputError: a text of the recipe is not a template, or has no place at its endpoint.
    """

    def __init__(self, recipe: Recipe, *, images_from: Path) -> None:
        self._recipe = recipe
        self._images_from = images_from
        self._endpoint = ENDPOINTS[recipe.url]
        self.kind = self._endpoint.kind
        self._talks = self._endpoint.talks
        self._system_field = SYSTEM_FIELDS.get(self.kind)
        self._limit_field = next(iter(self._endpoint.limits), "max_tokens")
        self.columns = set(recipe.images)
        self._model = self._compiled(recipe.model, "model")
        self._system = self._text(recipe.system, "system")
        self._user = self._text(recipe.user, "user")
        self._messages = self._conversation()
        self._extra = self._compiled(recipe.body, "[body]")
        self._schema: SchemaRequest | None = None
        if (way := way_of(recipe, "the recipe")) is not None and recipe.schema is not None:
            self._schema = SchemaRequest(recipe.schema, way, self.kind)
        self._check_prompt()

    def _check_prompt(self) -> None:
        names: tuple[str, ...] = () if self._talks else TALK
        if self.kind == "responses":
            names = ("images",)
        if not self._endpoint.limits and self.kind != "images":
            names = (*names, "max_tokens", "temperature")
        for name in names:
            if getattr(self._recipe, name):
                raise InputError(f"{name} has no place in a body for {self._recipe.url}")

    def make(self, row: Row) -> dict[str, Any]:
        """The body for a row of `shown` values. Raises BadRowError."""
        recipe = self._recipe
        body: dict[str, Any] = {"model": self._model(row)}
        extra = self._extra(row)
        if self._talks:
            if self._system_field is not None and self._system is not None:
                body[self._system_field] = self._system.render(row)
            if messages := self._asked(row):
                body[self._endpoint.prompt] = messages
        elif self._user is not None:
            body[self._endpoint.prompt] = self._user.render(row)
        if recipe.max_tokens is not None:
            body[self._limit_field] = recipe.max_tokens
        if recipe.temperature is not None:
            body["temperature"] = recipe.temperature
        if twice := body.keys() & extra.keys():
            raise BadRowError(f"[body]: {min(twice)} is set by the recipe too; keep one of them")
        made = {**body, **extra}
        return made if self._schema is None else self._schema.put_into(made)

    def _asked(self, row: Row) -> list[Any]:
        messages: list[Any] = []
        if self._messages is not None:
            messages = self._messages(row)
            if not isinstance(messages, list):
                raise BadRowError(f"messages: {self._recipe.messages} is not a list of messages")
            messages = list(messages)  # the recipe's own where there is no template in it
        else:
            if self._system_field is None and self._system is not None:
                messages.append({"role": "system", "content": self._system.render(row)})
            if self._user is not None:
                messages.append({"role": "user", "content": self._user.render(row)})
        if self._recipe.images:
            self._add_images(messages, list(self._images(row)))
        return messages

    def _images(self, row: Row) -> Iterator[Image]:
        for column in self._recipe.images:
            if column not in row:
                raise BadRowError(f"images: {NO_COLUMN}{column!r}", column=column)
            yield from images_in(_plain(row[column]), column, self._images_from)

    def _add_images(self, messages: list[Any], images: list[Image]) -> None:
        """Put them into the last message of a user: before its text for Anthropic, else after."""
        asked = [
            number
            for number, message in enumerate(messages)
            if isinstance(message, dict) and message.get("role") == "user"
        ]
        if not asked:
            raise BadRowError("images: there is no message of a user that they belong to")
        last = messages[asked[-1]]
        parts = [image.part(self.kind) for image in images]
        text = last.get("content")
        content = [{"type": "text", "text": text}] if isinstance(text, str) else list(text or [])
        content = parts + content if self.kind == "messages" else content + parts
        messages[asked[-1]] = {**last, "content": content}

    def _conversation(self) -> Value | None:
        messages = self._recipe.messages
        if messages is None:
            return None
        if isinstance(messages, str):
            return self._column(messages, "messages")
        return self._compiled(messages, "messages")

    def _text(self, source: str | None, what: str) -> Template | None:
        if source is None:
            return None
        template = Template(source, what)
        self.columns |= template.columns
        return template

    def _column(self, name: str, what: str) -> Value:
        self.columns.add(name)

        def value(row: Row) -> Any:
            if name not in row:
                raise BadRowError(f"{what}: {NO_COLUMN}{name!r}", column=name)
            found = row[name]
            if isinstance(found, Null):
                raise BadRowError(f"{what}: {name} is null")
            plain = _plain(found)
            if not _is_json(plain):
                raise BadRowError(
                    f"{what}: {name} is NaN or infinite, or holds such a number; JSON has none"
                )
            return plain

        return value

    def _compiled(self, value: Any, what: str) -> Value:
        """What makes a value of the recipe for a row: strings in it may be templates."""
        if isinstance(value, str) and is_template(value):
            template = self._text(value, what)
            assert template is not None
            if bare := BARE.fullmatch(value):
                column = self._column(bare[1], what)
                talk = what.partition(".")[0] == "messages"
                return _parts_or_text(column, template) if talk else column
            return template.render
        if isinstance(value, list) and _has_template(value):
            items = [self._compiled(each, what) for each in value]
            return lambda row: [item(row) for item in items]
        if isinstance(value, dict) and (_has_template(value) or what == "messages"):
            fields = {n: self._compiled(each, f"{what}.{n}") for n, each in value.items()}
            return lambda row: {name: field(row) for name, field in fields.items()}
        return lambda row: value


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return is_template(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_template, inner))


def _plain(value: Any) -> Any:
    """A value of a row as it is in JSON: undefined ones are null again."""
    if isinstance(value, Null):
        return None
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if not isinstance(each, Null)}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _parts_or_text(column: Value, template: Template) -> Value:
    """What a message says by a column alone: a list of parts, or an object, as it is, and any other
    value as text, which a number is not."""

    def value(row: Row) -> Any:
        found = column(row)
        return found if isinstance(found, list | dict) else template.render(row)

    return value


def _is_json(value: Any) -> bool:
    """Whether JSON can say it: NaN and infinity would become null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return not isinstance(value, list) or all(map(_is_json, value))
