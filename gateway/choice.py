"""What an answer says: text, JSON of a form, a call of a tool, or what a file of answers says."""

import json
import re
from typing import NamedTuple

import msgspec

from .answers import AnswerBook
from .draws import SeededDraws, digest
from .params import Schema, Tool, Wanted
from .schema_values import SchemaValues
from .text import Finish, GeneratedText, TextGenerator

# Any text as pieces of about a token each; together they are the text.
_PIECES = re.compile(r"\s?\w{1,5}|\s?[^\w\s]{1,3}|\s")


class Choice(NamedTuple):
    """One answer; where it calls `tool`, its tokens are the call's arguments as JSON."""

    text: GeneratedText
    tool: str | None = None


def make_choice(
    wanted: Wanted,
    request_digest: bytes,
    number: int,
    *,
    generator: TextGenerator,
    book: AnswerBook | None,
    max_tokens: int | None,
) -> Choice:
    """Answer `number` of a request. Raises ApiError 400 for a schema that can't be filled in."""
    state = request_digest if number == 0 else digest(number, request_digest)
    draws = SeededDraws(digest(0, b"choice", state))
    said = None if book is None else book.find(wanted.question, draws)
    tools = wanted.tools
    # Where a tool may be called and need not be, every other answer calls one.
    if tools and (wanted.forced or (said is None and draws.integer(2))):
        tool = tools[draws.integer(len(tools))]
        arguments = said if said is not None and _is_object(said) else None
        if arguments is None:
            arguments = _fill_in(tool, draws, generator)
        return Choice(split_text(arguments, max_tokens), tool.name)
    if said is None and wanted.schema is not None:
        said = _json(wanted.schema, draws, generator, place="response_format")
    if said is not None:
        return Choice(split_text(said, max_tokens))
    return Choice(generator.generate(state, max_tokens))


def split_text(text: str, max_tokens: int | None) -> GeneratedText:
    """A given text as an answer, cut at `max_tokens`."""
    tokens = _PIECES.findall(text) or [""]
    finish: Finish = "stop"
    if max_tokens is not None and len(tokens) > max_tokens:
        tokens, finish = tokens[:max_tokens], "length"
    return GeneratedText(tokens, [msgspec.json.encode(token) for token in tokens], finish)


def _fill_in(tool: Tool, draws: SeededDraws, generator: TextGenerator) -> str:
    return _json(tool.schema, draws, generator, place=f"tools.{tool.name}", is_object=True)


def _json(
    schema: Schema,
    draws: SeededDraws,
    generator: TextGenerator,
    *,
    place: str,
    is_object: bool = False,
) -> str:
    if is_object and isinstance(schema, dict) and "type" not in schema:
        schema = schema | {"type": "object"}
    if schema == {"type": "object"} and not is_object:
        # Any object: one with something in it.
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string"}, "level": {"type": "number"}},
            "required": ["answer", "level"],
        }
    values = SchemaValues(schema, draws, lambda: generator.phrase(draws), place=place)
    return json.dumps(values.make(), ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
