"""All variants, which requests each fits, and whether it is charged."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from ..draws import SeededDraws
from ..response import Response
from . import assembly, beyond, failures, spelling, usage
from .answer import Answer, Protocol

Needs = Literal["anything", "text", "call"]


class Variant(NamedTuple):
    """One variant.

    Args:
        name: what a fault calls it.
        make: makes it of a right answer.
        protocols: which answers can have it.
        streamed: whether streams have it, or whole answers; None for both.
        billed: whether it is charged: an answer that came is, an error is not.
        needs: what the answer has to say. A call is invented where a variant is asked for by name.
    """

    name: str
    make: Callable[[Answer], Response]
    protocols: tuple[Protocol, ...] = ("chat",)
    streamed: bool | None = True
    billed: bool = True
    needs: Needs = "anything"

    def fits(self, answer: Answer, *, by_name: bool) -> bool:
        """Whether an answer can have it."""
        if answer.protocol not in self.protocols or self.streamed not in (None, answer.streamed):
            return False
        if self.needs == "call" and by_name:
            return True
        return self.needs == "anything" or (self.needs == "call") is (answer.call is not None)


TEXTS: tuple[Protocol, ...] = ("chat", "messages")
ALL: tuple[Protocol, ...] = ("chat", "messages", "images")
_DETAIL = {"detail": "No worker of this model can be reached."}
_CODE = {"code": 502, "message": "The upstream closed the connection."}
_OBJECT = {"object": "error", "message": "The engine is gone.", "type": "InternalServerError"}

_REFUSED = {"status_code": 1002, "status_msg": "rate limit; try again in 2s"}

_FAILURES = (
    Variant("error-body", failures.error_body, ALL, streamed=False),
    Variant("error-detail", failures.error_as(_DETAIL), ALL, streamed=None),
    Variant("error-code", failures.error_as(_CODE), ALL, streamed=None),
    Variant(
        "error-object",
        failures.error_as(_OBJECT | {"param": None, "code": 500}),
        ALL,
        streamed=None,
    ),
    Variant("error-base-resp", failures.error_as({"base_resp": _REFUSED}), TEXTS, streamed=None),
    Variant("error-first", failures.error_first, TEXTS),
    Variant("error-named", failures.error_named, TEXTS),
    Variant("error-overloaded", failures.error_overloaded, ("messages",)),
    Variant("error-foreign", failures.error_foreign, ("messages",)),
    Variant("finish-error", failures.finish_error, streamed=None, needs="text"),
    Variant("finish-empty", failures.finish_empty, needs="text"),
    Variant("only-end", failures.only_end, TEXTS),
    Variant("start-end", failures.start_end, TEXTS),
    Variant("half-end", failures.half_end),
    Variant("no-choices", failures.no_choices, streamed=False),
    Variant("page", failures.page, ALL, streamed=None),
)
_SPELLING = (
    Variant("then-error", spelling.then_error, TEXTS),
    Variant("empty-data", spelling.first(b"data: \n\n"), TEXTS),
    Variant("ping-data", spelling.first(b"data: ping\n\n"), TEXTS),
    Variant("comments", spelling.first(b": keep-alive\n\n", b"\n"), TEXTS),
    Variant("done-blanks", spelling.last(b"data:  [DONE]  \n\n")),
    Variant("done-small", spelling.last(b"data: [done]\n\n")),
    Variant("unended", spelling.unended, TEXTS),
    Variant("no-end-mark", spelling.no_end_mark, TEXTS),
    Variant("finish-only", spelling.finish_only),
    Variant("single-newlines", spelling.each_event(spelling.single_newline), TEXTS),
    Variant("crlf", spelling.each_event(spelling.crlf), TEXTS),
    Variant("no-space", spelling.each_event(spelling.no_space), TEXTS),
    Variant("several-lines", spelling.each_event(spelling.several_lines), TEXTS),
    Variant("blanks-first", spelling.each_event(spelling.blanks_first), TEXTS),
    Variant("filter-first", spelling.filter_first),
    Variant("bom", spelling.bom, ALL, streamed=None),
    Variant("bad-utf8", spelling.in_text(spelling.BAD_BYTES), TEXTS, streamed=None, needs="text"),
    Variant("lone-surrogate", spelling.in_text(b"\\ud83c"), TEXTS, streamed=None, needs="text"),
    Variant("split-emoji", spelling.split_emoji, TEXTS, needs="text"),
    Variant("infinity", spelling.infinity, streamed=None),
    Variant("utf-16", spelling.utf16, ALL, streamed=False),
    Variant("blank-lines", spelling.blank_lines, ALL, streamed=False),
    Variant("trailing-text", spelling.trailing, ALL, streamed=False),
    Variant("stream-unasked", spelling.stream_unasked, TEXTS, streamed=False),
    Variant("stream-as-json", spelling.stream_as_json, TEXTS),
    Variant("json-as-stream", spelling.whole_as(spelling.EVENTS), TEXTS),
    Variant("json-unstreamed", spelling.whole_as(spelling.JSON), TEXTS),
    Variant("created", spelling.created, ALL, streamed=None),
)
_ASSEMBLY = (
    Variant("same-index", assembly.same_index, needs="call"),
    Variant("no-index", assembly.no_index, needs="call"),
    Variant("said-again", assembly.said_again, needs="call"),
    Variant("fresh-ids", assembly.fresh_ids, needs="call"),
    Variant("null-names", assembly.null_names, needs="call"),
    Variant("content-parts", assembly.content_parts, streamed=None, needs="text"),
    Variant("reasoning", assembly.reasoning, streamed=None, needs="text"),
    Variant("foreign-events", assembly.foreign_events, TEXTS),
    Variant("compaction", assembly.compaction, ("messages",)),
    Variant("thinking", assembly.thinking, ("messages",)),
    Variant("text-in-start", assembly.text_in_start, ("messages",), needs="text"),
)
_USAGE = (
    Variant("usage-floats", usage.told(usage.as_floats), TEXTS, streamed=None),
    Variant("usage-part-null", usage.told(usage.part_null), streamed=None),
    Variant("usage-in-choice", usage.in_choice),
    Variant("usage-in-groq", usage.beside("x_groq", usage.in_groq), streamed=None),
    Variant("usage-in-gemini", usage.beside("usageMetadata", usage.in_gemini), streamed=None),
    Variant("usage-then-null", usage.after([], None)),
    Variant(
        "usage-then-zero",
        usage.after([], {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    ),
    Variant("usage-choices-null", usage.choices_null),
    Variant("usage-each-chunk", usage.each_chunk, needs="text"),
    Variant("usage-input-zero", usage.input_zero_at_end, ("messages",)),
    Variant("usage-at-end", usage.input_at_end, ("messages",)),
    Variant("usage-begun", usage.begun_only, ("messages",), needs="text"),
    Variant("usage-hidden", usage.hidden, streamed=None),
    Variant("usage-cached-top", usage.cached_at_top, streamed=None),
    Variant("usage-cached-hits", usage.cached_hits, streamed=None),
    Variant("usage-cache-write", usage.cache_write, streamed=None),
    Variant("usage-cache-hour", usage.cache_hour, ("messages",), streamed=None),
    Variant("usage-web-search", usage.web_search, ("messages",), streamed=None),
    Variant("usage-cost", usage.told(usage.reported_cost), TEXTS, streamed=None),
)
_BEYOND = (
    Variant("embed-total", beyond.total_alone, ("embeddings",), streamed=False),
    Variant("embed-completion", beyond.no_completion, ("embeddings",), streamed=False),
    Variant("embed-base64", beyond.base64_unasked, ("embeddings",), streamed=False),
    Variant("embed-nan", beyond.no_number, ("embeddings",), streamed=False),
    Variant("rank-data", beyond.ranking_as_data, ("rerank",), streamed=False),
    Variant("rank-tokens", beyond.ranking_by_tokens, ("rerank",), streamed=False),
    Variant("rank-units", beyond.ranking_by_units, ("rerank",), streamed=False),
    Variant("rank-total", beyond.ranking_by_total, ("rerank",), streamed=False),
    Variant("response-empty", beyond.output_left_out, ("responses",)),
    Variant("response-bare", beyond.end_without_usage, ("responses",)),
    Variant("response-done", beyond.then_done, ("responses",)),
    Variant("completion-no-done", beyond.no_done, ("completions",)),
)
VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        *(failure._replace(billed=False) for failure in _FAILURES),
        *_SPELLING,
        *_ASSEMBLY,
        *_USAGE,
        *_BEYOND,
    )
}


def choose(answer: Answer, name: str | None, draws: SeededDraws) -> Variant | None:
    """The variant of that name, or one that is drawn; None where none fits the answer."""
    if name is not None:
        variant = VARIANTS[name]
        return variant if variant.fits(answer, by_name=True) else None
    fitting: Sequence[Variant] = [
        variant for variant in VARIANTS.values() if variant.fits(answer, by_name=False)
    ]
    return fitting[draws.integer(len(fitting))] if fitting else None
