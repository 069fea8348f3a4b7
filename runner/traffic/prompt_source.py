"""What a load run sends, from what was asked for: a file's jobs, words, or a trace's lengths."""

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace.jobs import (
    ENDPOINTS,
    NO_OTHERS,
    WHOLE,
    AheadPrompts,
    FilePrompts,
    InputError,
    JobFile,
    OtherEndpoints,
    Part,
    Prompts,
    PromptShape,
    Reject,
    RequestTemplate,
    SyntheticPrompts,
    Trace,
    TracePrompts,
    parse_lengths,
)

from ..defaults import MODEL, OUTPUT_TOKENS, PROMPT_TOKENS, SHARED_PREFIX, TURNS, URL


class PromptSource(NamedTuple):
    """Prompts, and what run.json says of them: `words` for people, `identity` of the file that they
    are from; model, url and stream are None where the jobs of a file say them. `announcement` is
    said before anything is sent."""

    prompts: Prompts
    words: str
    identity: JobFile | None = None
    model: str | None = None
    url: str | None = None
    stream: bool | None = None
    rejects: tuple[Reject, ...] = ()
    announcement: str | None = None


class PromptOptions(NamedTuple):
    """What the user said of the prompts; lengths as `jobs.parse_lengths` reads them. `model` and
    `stream` None are the defaults, or what the jobs of a file say."""

    model: str | None = None
    url: str = URL
    stream: bool | None = None
    jobs: str | None = None
    sample: bool = False
    prompt_tokens: str | None = None
    output_tokens: str | None = None
    shared_prefix: float = SHARED_PREFIX
    turns: str = TURNS
    extra: Mapping[str, Any] = {}


def prompts_for(
    asked: PromptOptions,
    *,
    seed: int,
    trace: Trace | None = None,
    part: Part = WHOLE,
    others: OtherEndpoints = NO_OTHERS,
) -> PromptSource:
    """The prompts that were asked for, of a part of the requests; `others` are the endpoints that a
    file may name too.

    Raises InputError where they can't be made.
    """
    rng = random.Random(f"{seed}/prompts")
    if asked.jobs is not None:
        if asked.prompt_tokens is not None or asked.output_tokens is not None:
            raise InputError("the prompts are from --jobs or made of --prompt-tokens; give one")
        return _from_file(asked, asked.jobs, rng if asked.sample else None, part, others)
    streamed = asked.stream
    if streamed is None:
        streamed = ENDPOINTS[asked.url].stream is not None
    template = RequestTemplate(asked.url, asked.model or MODEL, streamed, dict(asked.extra))
    if trace is not None:
        prompts: Prompts = AheadPrompts(TracePrompts(template, trace, rng=rng), part)
        return _of_template(prompts, template, "the trace's lengths", trace.identity)
    input_tokens = asked.prompt_tokens or PROMPT_TOKENS
    output_tokens = asked.output_tokens or OUTPUT_TOKENS
    has_output = bool(ENDPOINTS[asked.url].limits)
    if asked.output_tokens is not None and not has_output:
        raise InputError(f"answers of {asked.url} have no length; leave --output-tokens out")
    shape = PromptShape(
        parse_lengths("--prompt-tokens", input_tokens),
        parse_lengths("--output-tokens", output_tokens),
        asked.shared_prefix,
        parse_lengths("--turns", asked.turns),
    )
    words = f"{input_tokens} tokens in" + (f", {output_tokens} out" if has_output else "")
    if asked.shared_prefix:
        words += f", {asked.shared_prefix:.0%} of each prompt shared"
    if asked.turns != TURNS:
        words += f", conversations of {asked.turns} turns"
    made = SyntheticPrompts(template, shape, rng=rng, part=part)
    return _of_template(made, template, words, None)


def _from_file(
    asked: PromptOptions,
    path: str,
    rng: random.Random | None,
    part: Part,
    others: OtherEndpoints,
) -> PromptSource:
    prompts = FilePrompts(
        path, rng=rng, part=part, model=asked.model, stream=asked.stream, others=others
    )
    return PromptSource(
        prompts,
        f"{path}, {'sampled' if rng is not None else 'in a circle'}",
        prompts.identity,
        model=asked.model,
        stream=asked.stream,
        rejects=tuple(prompts.rejects),
    )


def _of_template(
    prompts: Prompts, template: RequestTemplate, words: str, identity: JobFile | None
) -> PromptSource:
    return PromptSource(prompts, words, identity, template.model, template.url, template.stream)
