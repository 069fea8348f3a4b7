"""Responses: OpenAI's newer protocol, whole and streamed."""

from itertools import count
from typing import Any

import msgspec

from .choice import Choice, make_choice
from .response import EventStream, RequestContext, Response
from .responses_params import ResponsesParams, prompt_text, prompt_tokens, wanted

_encode = msgspec.json.Encoder().encode


def responses_response(params: ResponsesParams, context: RequestContext) -> Response:
    """The answer to one input. Raises ApiError where it asks for what is not kept here."""
    params.check()
    choice = _choice(params, context)
    input_tokens, output_tokens = prompt_tokens(params), len(choice.text.tokens)
    prefix = context.prefix(params.model, input_tokens, lambda: prompt_text(params))
    begun = _begun(params, context)
    item = _item(choice, context, choice.text.text, status="completed")
    is_cut = choice.text.finish == "length"
    ended = begun | {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": [item],
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": prefix.cached_tokens},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input_tokens + output_tokens,
        },
    }
    return context.text_response(
        _stream(begun, ended, choice, context) if params.stream else _encode(ended),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        prefix=prefix,
    )


def _choice(params: ResponsesParams, context: RequestContext) -> Choice:
    most = params.max_output_tokens
    if not (params.tools or params.tool_choice or params.text) and context.book is None:
        return Choice(context.generator.generate(context.digest, most))
    return make_choice(
        wanted(params),
        context.digest,
        0,
        generator=context.generator,
        book=context.book,
        max_tokens=most,
    )


def _begun(params: ResponsesParams, context: RequestContext) -> dict[str, Any]:
    """The response before it has any output."""
    tools = [msgspec.to_builtins(each) | {"strict": None} for each in params.tools or ()]
    choice = params.tool_choice or "auto"
    form = {"type": "text"}
    if params.text is not None and params.text.format is not None:
        form = msgspec.to_builtins(params.text.format)
    return {
        "id": f"resp_{context.serial}",
        "object": "response",
        "created_at": context.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": params.instructions,
        "max_output_tokens": params.max_output_tokens,
        "model": params.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": params.temperature,
        "text": {"format": form},
        "tool_choice": msgspec.to_builtins(choice),
        "tools": tools,
        "top_p": params.top_p,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
    }


def _item(choice: Choice, context: RequestContext, text: str, *, status: str) -> dict[str, Any]:
    """The only item of the output, with so much of its text."""
    if choice.tool is not None:
        return {
            "id": f"fc_{context.serial}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{context.serial}",
            "name": choice.tool,
            "arguments": text,
        }
    return {
        "id": f"msg_{context.serial}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [_part(text)] if status == "completed" else [],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _stream(
    begun: dict[str, Any], ended: dict[str, Any], choice: Choice, context: RequestContext
) -> EventStream:
    numbers = count()

    def event(kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": next(numbers), **fields}
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode(data))

    item = _item(choice, context, "", status="in_progress")
    of_item: dict[str, Any] = {"item_id": item["id"], "output_index": 0}
    is_text = choice.tool is None
    delta, done = "response.function_call_arguments.delta", {"arguments": choice.text.text}
    of_part = of_item
    if is_text:
        delta, done = "response.output_text.delta", {"text": choice.text.text}
        of_part = of_item | {"content_index": 0}
    extra: dict[str, Any] = {"logprobs": []} if is_text else {}
    opening = [
        event("response.created", response=begun),
        event("response.in_progress", response=begun),
        event("response.output_item.added", output_index=0, item=item),
    ]
    if is_text:
        opening.append(event("response.content_part.added", **of_part, part=_part("")))
    events = [event(delta, **of_part, delta=token, **extra) for token in choice.text.tokens]
    closing = [event(delta.replace(".delta", ".done"), **of_part, **done, **extra)]
    if is_text:
        part = _part(choice.text.text)
        closing.append(event("response.content_part.done", **of_part, part=part))
    closing.append(event("response.output_item.done", output_index=0, item=ended["output"][0]))
    closing.append(event(f"response.{ended['status']}", response=ended))
    return EventStream(opening, events, closing)
