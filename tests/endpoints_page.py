"""docs/reference/endpoints.md, written from the table of endpoints.

python -m tests.endpoints_page > docs/reference/endpoints.md
"""

import sys

from headrace.jobs import ENDPOINTS, Endpoint

HEAD = """# Endpoints

Written by `python -m tests.endpoints_page > docs/reference/endpoints.md` from the table in
`jobs/endpoints.py`. Those marked "beyond" are not in the API reference; the gateway serves all of
them. Of a job's body, the fields in bold are required; the one in italics holds what is asked.

| url | | body | limit of the output | priced by | usage | an answer has | a stream is |
| --- | --- | --- | --- | --- | --- | --- | --- |"""
PRICES = {
    "tokens": "tokens",
    "input": "tokens of input",
    "search": "`search_request`, and tokens",
    "images": "images, or tokens",
    "free": "free, but where the model has a price of `input`",
    "unknown": "not known: no cost",
}
USAGES = {
    "openai": "OpenAI's names",
    "anthropic": "Anthropic's names",
    "input": "OpenAI's names, or a total alone; no output",
    "rerank": "`search_units` or tokens of `meta`, else OpenAI's names",
    "none": "none, or OpenAI's names",
    "named": "where headrace.toml says",
}
SUCCESSES = {
    "choices": "a choice that says something",
    "content": "content that says something",
    "output": "an output that says something",
    "images": "an image",
    "vectors": "an embedding",
    "results": "a list of results",
    "anything": "anything but an error, a page or nothing",
}
STREAMS = {
    "chat": "chunks up to `[DONE]`",
    "completions": "chunks of text up to `[DONE]`",
    "messages": "events up to `message_stop`",
    "responses": "events up to `response.completed`",
    "events": "events up to `[DONE]` or the end",
    None: "-",
}
TAIL = """
## What each brings into the tables

- `/v1/embeddings`: `vectors` of the results, a list of lists of 32-bit floats, one for each input
  in the order of the inputs. `response` has the rest of the body, with an empty list in the place
  of each vector (an empty text, where it came as base64). `export --to openai-batch` puts them
  back: base64 byte for byte, numbers with the digits that 32 bits need, null for what is not a
  number; `join` has them as `embedding` or `embeddings`. An answer with vectors of different
  lengths, of another length than the model's first ones in this session (where no job asks for
  one), with fewer than inputs, or with a component that is not a number is a success whose
  `error_message` says so. What is not a list of numbers (several vectors for an input, base64 of
  `output_dtype` int8 or bits, other types) stays in `response` alone, as it came. vLLM's
  `encoding_format` of `bytes` is not taken: its answers are not JSON. `messages` may stand for
  `input` (vLLM).
- `/v1/responses`: `text` is that of all messages of the output, `finish_reason` in the words of
  chat: `stop`, `length` (max_output_tokens), `tool_calls`, `content_filter`. Searches of the web
  are counted (`searches`). A response in the background is kept as failed: it is not waited for.
  A stored `prompt` may stand for `input`, and for `model`; the job's is called `default` then.
- `/v1/completions`: `text` is that of the first choice. A stream is asked for its usage, as one
  of chat is. `prompt_embeds` may stand for `prompt` (vLLM).
- `/v1/rerank`: `searches` where the service bills search units, else `input_tokens`. The ranking
  is in `response`, and there is no `text`, so that scorers have nothing to score.
- `/v1/moderations`: the judgement is in `response`. It costs 0, unless the price file has `input`
  for its model (Mistral's): then as its usage says. `model` may be left out; the job's is called
  `default` then.

A schema (`schema` of a recipe, `--reask`) goes with conversations only: chat, messages and
search.

## Any other path

`--any-endpoint` of `run`, `load`, `jobs check` and `jobs estimate` takes jobs of any other path,
such as `/v1/score` or `/rerank`: sent with the same key, recorded, retried, and limited by
requests. Their cost is null, and under `--max-cost` they are rejected. `model` may be left out.
An answer is JSON of any kind, or the bytes as they are, or none where its status is 204; of a
stream, and of lines of JSON, `response` is `{"events": [...]}`. A path is all that a `url` may
be: an `?api-version=` belongs to the base URL.

A path with a table in [headrace.toml](settings.md#endpointspath) is taken without the flag, and
the table may say where its usage is.
"""


def page() -> str:
    """The page, in Markdown."""
    rows = [*ENDPOINTS.values(), ENDPOINTS["any other path"]]
    return "\n".join([HEAD, *map(_row, rows)]) + "\n" + TAIL


def _row(endpoint: Endpoint) -> str:
    required = [f"**{_asked(name, endpoint)}**" for name in endpoint.required]
    cells = [
        f"`{endpoint.path}`" if endpoint.path.startswith("/") else endpoint.path,
        "" if endpoint.in_reference else "beyond",
        ", ".join(required) or "any object",
        ", ".join(f"`{name}`" for name in endpoint.limits) or "-",
        PRICES[endpoint.price],
        USAGES[endpoint.usage],
        SUCCESSES[endpoint.success],
        STREAMS[endpoint.stream],
    ]
    return f"| {' | '.join(cells)} |"


def _asked(name: str, endpoint: Endpoint) -> str:
    return f"*{name}*" if name == endpoint.prompt else name


if __name__ == "__main__":
    sys.stdout.write(page())
