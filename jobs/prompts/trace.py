"""A trace of real traffic: when each request came, and how long its prompt and answer were.

`trace_lines` has the forms that are read. What a trace doesn't say itself is its unit of time and
the length of its blocks: each form has its own, and where the figures can't be right, the user is
asked.
"""

from array import array
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..errors import InputError
from ..files import open_source
from ..records import JobFile
from ..wording import counted, show_seconds
from .trace_lines import Block, Form, TraceLine, trace_lines

TraceUnit = Literal["s", "ms"]
UNITS: dict[TraceUnit, float] = {"s": 1.0, "ms": 0.001}
UNIT_NAMES: dict[TraceUnit, str] = {"s": "seconds", "ms": "milliseconds"}

BLOCK_TOKENS = 512
# The unit of its times and the length of its blocks.
OF_FORM: dict[Form, tuple[TraceUnit, int]] = {
    "table": ("s", BLOCK_TOKENS),  # it has no blocks
    "mooncake": ("ms", BLOCK_TOKENS),
    "bailian": ("s", 16),
}
FORMS: tuple[Form, ...] = tuple(OF_FORM)  # where lines differ, the last of these is the file's
USUAL_BLOCK_TOKENS = (1024, 512, 256, 128, 64, 32, 16, 8, 4, 1)
# JSON lines that would come faster, taken as milliseconds, may well be seconds: one every 2 s has
# the first of these rates then, and one every 50 s, of times with fractions, the second.
DOUBTED_RATE_PER_S = 500.0
DOUBTED_FRACTIONS_RATE_PER_S = 20.0


class Trace(NamedTuple):
    """The requests of a trace in order of time, one entry per request in each column.

    Args:
        identity: of the file.
        times_s: from the first request, in seconds.
        input_tokens: at least 1.
        output_tokens: at least 1. A failed request has an answer of 0, and is sent nevertheless.
        blocks: ids of the prompt's first blocks, where the trace has them.
        block_tokens: how long each of them is.
        unit: what the times were taken for; None of moments.
        left_out: lines that have no input length, and are not among the requests.
    """

    identity: JobFile
    times_s: "array[float]"
    input_tokens: "array[int]"
    output_tokens: "array[int]"
    blocks: list[tuple[Block, ...]]
    block_tokens: int = BLOCK_TOKENS
    unit: TraceUnit | None = None
    left_out: int = 0

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self.times_s)

    def announcement(self, speed: float = 1.0) -> str:
        """What will be replayed, in a line: how many requests, over which time, at which rate.

        Args:
            speed: how many times as fast as they came.
        """
        said = f"Replaying {self.identity.path}: {_extent(self.requests, self.times_s[-1] / speed)}"
        if speed != 1:
            said += f", {speed:g} times as fast as they came"
        if self.unit is not None:
            said += f"; its times are taken as {UNIT_NAMES[self.unit]}"
        if self.left_out:
            said += f"; {counted(self.left_out, 'line')} without an input length left out"
        return said


def read_trace(
    path: str, *, unit: TraceUnit | None = None, block_tokens: int | None = None
) -> Trace:
    """Read a trace, plain, gzip or zstd.

    Args:
        path: a file in one of the forms; "-" is standard input.
        unit: of its times; None is that of its form.
        block_tokens: the length of the blocks that `hash_ids` stand for; None is that of its form.

    Raises:
        InputError: naming the line at fault, or asking for the unit or the length of the blocks.
    """
    with open_source(path, what="the trace") as source:
        found = list(trace_lines(source))
        identity = source.identity
    lines = [line for line in found if line.input_tokens is not None]
    if not lines:
        raise InputError(
            f"{path} has no requests; write a trace as docs/reference/prompts.md shows it"
        )
    form = max((line.form for line in lines), key=FORMS.index)
    own_unit, own_block_tokens = OF_FORM[form]
    block_tokens = block_tokens or own_block_tokens
    moments = {line.is_moment for line in lines}
    if len(moments) > 1:
        raise InputError(f"{path} has dates and numbers for times; write either")
    taken = (unit or own_unit) if moments == {False} else None
    if unit is None and taken == "ms":
        _ask_for_unit(path, lines)
    _check_blocks(path, lines, block_tokens)
    factor = 1.0 if taken is None else UNITS[taken]
    lines.sort(key=lambda line: line.time)
    first = lines[0].time
    return Trace(
        identity,
        array("d", [(line.time - first) * factor for line in lines]),
        array("q", [max(1, line.input_tokens or 0) for line in lines]),
        array("q", [max(1, line.output_tokens) for line in lines]),
        [line.blocks for line in lines],
        block_tokens,
        taken,
        len(found) - len(lines),
    )


def _ask_for_unit(path: str, lines: Sequence[TraceLine]) -> None:
    """Raises InputError where times that were taken for milliseconds may be seconds."""
    times = [line.time for line in lines]
    span = max(times) - min(times)
    if not span:
        return
    fractions = any(not time.is_integer() for time in times)
    rate_per_s = len(times) / (span * UNITS["ms"])
    if rate_per_s < (DOUBTED_FRACTIONS_RATE_PER_S if fractions else DOUBTED_RATE_PER_S):
        return
    as_ms, as_s = (_extent(len(times), span * UNITS[unit]) for unit in ("ms", "s"))
    raise InputError(
        f"{path} does not say the unit of its times: {as_ms} in milliseconds, or {as_s} in "
        "seconds? Give --trace-unit ms or --trace-unit s"
    )


def _check_blocks(path: str, lines: Sequence[TraceLine], block_tokens: int) -> None:
    """Raises InputError where a line has more blocks than its input takes."""
    for line in lines:
        if len(line.blocks) > _most_blocks(line, block_tokens):
            fits = (
                each
                for each in USUAL_BLOCK_TOKENS
                if all(len(line.blocks) <= _most_blocks(line, each) for line in lines)
            )
            size = next(fits, None)
            raise InputError(
                f"line {line.number} of {path} has {len(line.blocks):,} hash_ids, and blocks of "
                f"{block_tokens} tokens make at most {_most_blocks(line, block_tokens):,} of its "
                f"{line.input_tokens:,} tokens; give --block-tokens, the length of its blocks"
                + (f" (such as {size})" if size else "")
            )


def _most_blocks(line: TraceLine, block_tokens: int) -> int:
    return -(-(line.input_tokens or 0) // block_tokens)


def _extent(requests: int, span_s: float) -> str:
    said = f"{requests:,} request{'s' * (requests != 1)}"
    if not span_s:
        return said if requests == 1 else f"{said} at once"
    rate = requests / span_s
    digits = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    return f"{said} over {show_seconds(span_s)}, {digits}/s on average"
