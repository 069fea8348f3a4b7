"""Answers of endpoints beyond the reference, as services other than OpenAI give them."""

import base64
import json
from array import array
from typing import Any

from ..chat import DONE
from ..response import EventStream, Response
from .answer import Answer, to_json


def _fields(answer: Answer) -> dict[str, Any]:
    assert isinstance(answer.response.body, bytes)
    fields: dict[str, Any] = json.loads(answer.response.body)
    return fields


def total_alone(answer: Answer) -> Response:
    """A usage of nothing but its total, as Voyage has it."""
    total = {"total_tokens": answer.response.input_tokens}
    return answer.with_body(to_json(_fields(answer) | {"usage": total}).encode())


def no_completion(answer: Answer) -> Response:
    """A usage with a completion of 0, as vLLM and Mistral have it."""
    fields = _fields(answer)
    fields["usage"] |= {"completion_tokens": 0, "prompt_tokens_details": None}
    return answer.with_body(to_json(fields).encode())


def base64_unasked(answer: Answer) -> Response:
    """Base64 where numbers were asked for."""
    fields = _fields(answer)
    for each in fields["data"]:
        each["embedding"] = base64.b64encode(array("f", each["embedding"]).tobytes()).decode()
    return answer.with_body(to_json(fields).encode())


def no_number(answer: Answer) -> Response:
    """A component that is not a number, in the spelling that Python has for it."""
    fields = _fields(answer)
    fields["data"][0]["embedding"][0] = float("nan")
    return answer.with_body(json.dumps(fields).encode())


def ranking_as_data(answer: Answer) -> Response:
    """A ranking called data, as Voyage does."""
    fields = _fields(answer)
    fields["data"] = fields.pop("results")
    return answer.with_body(to_json({"object": "list"} | fields).encode())


def ranking_by_tokens(answer: Answer) -> Response:
    """A reranking that is billed by its tokens, as Jina's and llama.cpp's are."""
    fields, tokens = _fields(answer), 40
    fields.pop("meta", None)
    fields["usage"] = {"total_tokens": tokens, "prompt_tokens": tokens}
    charge = answer.price.tokens_cost(fresh=tokens, output=0)
    return answer.with_body(to_json(fields).encode(), input_tokens=tokens, charge=charge)


def ranking_by_units(answer: Answer) -> Response:
    """Search units in the usage, beside tokens that are not billed and a cost, as OpenRouter has
    them."""
    fields = _fields(answer)
    fields.pop("meta", None)
    charge = answer.price.tokens_cost(fresh=0, output=0, searches=2)
    fields["usage"] = {"search_units": 2, "total_tokens": 40, "cost": float(charge)}
    return answer.with_body(to_json(fields).encode(), input_tokens=0, charge=charge)


def ranking_by_total(answer: Answer) -> Response:
    """A total of tokens among the billed units, as litellm has it."""
    fields, tokens = _fields(answer), 40
    fields.pop("usage", None)
    fields["meta"] = {"billed_units": {"search_units": None, "total_tokens": tokens}}
    charge = answer.price.tokens_cost(fresh=tokens, output=0)
    return answer.with_body(to_json(fields).encode(), input_tokens=tokens, charge=charge)


def _last(answer: Answer, *removed: str, **changed: Any) -> Response:
    """A stream of a response whose last event is without some of its fields."""
    opening, events, closing = _stream(answer)
    name, _, data = closing[-1].partition(b"data: ")
    fields = json.loads(data)
    for each in removed:
        fields["response"].pop(each)
    fields["response"] |= changed
    last = name + b"data: " + to_json(fields).encode() + b"\n\n"
    return answer.with_body(EventStream(opening, events, [*closing[:-1], last]))


def _stream(answer: Answer) -> EventStream:
    assert isinstance(answer.response.body, EventStream)
    return answer.response.body


def output_left_out(answer: Answer) -> Response:
    """An empty output at the end, as proxies and older vLLM send it."""
    return _last(answer, output=[])


def end_without_usage(answer: Answer) -> Response:
    """An end with neither output nor usage."""
    return _last(answer, "output", "usage")


def then_done(answer: Answer) -> Response:
    """The end mark of chat behind the last event."""
    opening, events, closing = _stream(answer)
    return answer.with_body(EventStream(opening, events, [*closing, DONE]))


def no_done(answer: Answer) -> Response:
    """No end mark: the connection's end is the stream's."""
    opening, events, closing = _stream(answer)
    return answer.with_body(EventStream(opening, events, closing[:-1]))
