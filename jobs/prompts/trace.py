"""A trace of real traffic: when each request came, and how long its prompt and answer were.

Two published formats are read, told apart by the beginning of the file:

Mooncake (R. Qin et al., "Mooncake", FAST 2025), JSON lines, times in milliseconds; equal `hash_ids`
at the beginning of two prompts mean that their first blocks of 512 tokens were the same:

    {"timestamp": 3052, "input_length": 7234, "output_length": 794, "hash_ids": [0, 28, 29]}

BurstGPT (Y. Wang et al., "BurstGPT", arXiv:2401.17644), CSV, times in seconds; other columns are
ignored:

    Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
    45,ChatGPT,1087,230,1317,Conversation log
"""

import csv
from array import array
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from ..errors import InputError
from ..files import Source, open_source
from ..records import JobFile
from .lengths import LONGEST_TOKENS

BLOCK_TOKENS = 512
CSV_COLUMNS = ("timestamp", "request tokens", "response tokens")

_Count = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_TOKENS)]
_Time = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class _MooncakeLine(msgspec.Struct):
    timestamp: _Time
    input_length: _Count
    output_length: _Count
    hash_ids: list[int] = []


class _CsvLine(msgspec.Struct):
    timestamp: _Time
    request_tokens: _Count
    response_tokens: _Count


class _TraceLine(NamedTuple):
    at_s: float
    input_tokens: int
    output_tokens: int
    blocks: tuple[int, ...]


class Trace(NamedTuple):
    """The requests of a trace in order of time, one entry per request in each column.

    Args:
        identity: of the file.
        times_s: from the first request, in seconds.
        input_tokens: at least 1.
        output_tokens: at least 1. A failed request has an answer of 0 in BurstGPT, and is sent
            nevertheless.
        blocks: ids of the prompt's first blocks of 512 tokens, where the trace has them.
    """

    identity: JobFile
    times_s: "array[float]"
    input_tokens: "array[int]"
    output_tokens: "array[int]"
    blocks: list[tuple[int, ...]]

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self.times_s)


def read_trace(path: str) -> Trace:
    """Read a trace, plain, gzip or zstd.

    Args:
        path: a file in one of the two formats; "-" is standard input.

    Raises:
        InputError: naming the line at fault.
    """
    with open_source(path, what="the trace") as source:
        jsonl = source.begins(lambda head: head.lstrip()[:1] == b"{" if head.strip() else None)
        lines = sorted(
            _mooncake(source) if jsonl else _burst_gpt(source), key=lambda line: line.at_s
        )
        identity = source.identity
    if not lines:
        raise InputError(
            f"{path} has no requests; write a trace as docs/reference/prompts.md shows it"
        )
    first_s = lines[0].at_s
    return Trace(
        identity,
        array("d", [line.at_s - first_s for line in lines]),
        array("q", [max(1, line.input_tokens) for line in lines]),
        array("q", [max(1, line.output_tokens) for line in lines]),
        [line.blocks for line in lines],
    )


def _mooncake(source: Source) -> Iterator[_TraceLine]:
    decode = msgspec.json.Decoder(_MooncakeLine).decode
    for number, line in source.lines():
        if not line or line.isspace():
            continue
        try:
            found = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"line {number} of {source.path} is not a request: {error}") from error
        blocks = tuple(found.hash_ids)
        yield _TraceLine(found.timestamp / 1000, found.input_length, found.output_length, blocks)


def _burst_gpt(source: Source) -> Iterator[_TraceLine]:
    rows = csv.reader(line.decode("utf-8", "replace").rstrip("\r") for _, line in source.lines())
    header = [name.strip().lower() for name in next(rows, [])]
    if not header:
        return
    if missing := [name for name in CSV_COLUMNS if name not in header]:
        raise InputError(
            f"{source.path} lacks the columns {', '.join(missing)}; a trace is a CSV file with "
            "Timestamp, Request tokens and Response tokens, or JSON lines with timestamp, "
            "input_length and output_length"
        )
    places = [header.index(name) for name in CSV_COLUMNS]
    while True:
        try:
            row = next(rows, None)
            if row is None:
                return
            if not row:
                continue
            texts = [row[place].strip() for place in places]
            names = (name.replace(" ", "_") for name in CSV_COLUMNS)
            found = msgspec.convert(dict(zip(names, texts, strict=True)), _CsvLine, strict=False)
        except (IndexError, csv.Error, msgspec.ValidationError) as error:
            raise InputError(
                f"line {rows.line_num} of {source.path} is not a request: {error}"
            ) from error
        yield _TraceLine(found.timestamp, found.request_tokens, found.response_tokens, ())
