"""Tokens of a request before it is sent: a rule on its bytes, corrected by earlier answers.

The rule needs no tokenizer and no download. It reads a body as JSON text: keys, quotes and brackets
count like any other character, which about makes up for what a chat template adds. It aims at the
middle; `TokenEstimator` adds the margin.
"""

import math
import re

import msgspec

from ..endpoints import TOKEN_URLS
from ..job import Job
from .prices import Usage
from .quantile import UpperQuantile

# Tokens per character: ASCII text and code; two bytes in UTF-8 (accents, Greek, Cyrillic, Arabic);
# three (Chinese, Japanese, Korean, and most other scripts); four (emoji).
ASCII_TOKENS = 0.25
TWO_BYTE_TOKENS = 0.5
THREE_BYTE_TOKENS = 0.75
FOUR_BYTE_TOKENS = 2.0
# An image of any size: about what the large services bill for a large one.
MEDIA_TOKENS = 1600

# Until a model has answered this often, its jobs reserve at least this much.
TRUSTED_AFTER_ANSWERS = 8
FIRST_RATIO = 1.3
FIRST_OUTPUT_TOKENS = 2048
# The share of the input tokens, and of the answers without a limit, that the reserve covers.
COVERED_SHARE = 0.95

_ALL = range(256)
_NOT_TWO = bytes(byte for byte in _ALL if not 0xC2 <= byte <= 0xDF)
_NOT_THREE = bytes(byte for byte in _ALL if not 0xE0 <= byte <= 0xEF)
_NOT_FOUR = bytes(byte for byte in _ALL if not 0xF0 <= byte <= 0xF4)

_LOW_ESCAPE = re.compile(rb"\\u0[0-7]")
_HALF_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\\_-]{256,}")
_IMAGE_PART = re.compile(rb'"type"\s*:\s*"(?:input_)?image(?:_url)?"')


def estimate_input_tokens(url: str, body: bytes) -> int:
    """Input tokens that a request is likely to be billed for.

    Args:
        url: the path of its endpoint, a key of ENDPOINTS.
        body: a JSON object in UTF-8.

    Returns:
        0 where no tokens are billed: for images, moderations, and endpoints that nobody knows.
    """
    return estimate_body_tokens(body) if url in TOKEN_URLS else 0


def estimate_body_tokens(body: bytes) -> int:
    """The same, of a request whose tokens are billed."""
    tokens = 0.0
    # (`find` takes half as long as `in`, which first checks whether it was given a number.)
    if body.find(b'"type"') >= 0:  # as in every part of a message that is not plain text
        # Images and files inside the request: a flat figure instead of their characters.
        images, blobs = len(_IMAGE_PART.findall(body)), 0
        if b"base64" in body:
            body, blobs = _BASE64.subn(b"", body)
        tokens += MEDIA_TOKENS * max(images, blobs)
    return int(tokens + _text_tokens(body)) + 1


def estimate_output_tokens(text: str) -> int:
    """Output tokens that a model's text is likely to be billed for."""
    return math.ceil(_text_tokens(msgspec.json.encode(text)[1:-1]))


def _text_tokens(body: bytes) -> float:
    """The rule itself, on JSON text in UTF-8."""
    tokens = 0.0
    ascii_chars = len(body)
    if not body.isascii():
        two = len(body.translate(None, _NOT_TWO))
        three = len(body.translate(None, _NOT_THREE))
        four = len(body.translate(None, _NOT_FOUR))
        tokens += TWO_BYTE_TOKENS * two + THREE_BYTE_TOKENS * three + FOUR_BYTE_TOKENS * four
        ascii_chars -= 2 * two + 3 * three + 4 * four
    if body.find(b"\\") >= 0:
        if b"\\\\" in body:
            # An escaped backslash: replaced first, since `\\u` would look like an escape.
            shorter = body.replace(b"\\\\", b"/")
            ascii_chars -= len(body) - len(shorter)
            body = shorter
        escapes = body.count(b"\\u")
        ascii_chars -= body.count(b"\\") - escapes  # \n, \" and so on are one character each
        if escapes:
            # Half of a surrogate pair is half an emoji.
            low, halves = len(_LOW_ESCAPE.findall(body)), len(_HALF_ESCAPE.findall(body))
            tokens += TWO_BYTE_TOKENS * low + FOUR_BYTE_TOKENS / 2 * halves
            tokens += THREE_BYTE_TOKENS * (escapes - low - halves)
            ascii_chars -= 6 * escapes
    return tokens + ASCII_TOKENS * ascii_chars


class EstimateTotals(msgspec.Struct, kw_only=True):
    """Tokens of one model's answered attempts: reserved before sending, and in their usage."""

    answers: int = 0
    reserved_tokens: int = 0
    used_tokens: int = 0


class _ModelHistory:
    """What is known from a model's answers so far."""

    __slots__ = ("billed_tokens", "estimated_tokens", "output_tokens", "ratio", "totals")

    def __init__(self) -> None:
        self.totals = EstimateTotals()
        # Of all answers together: input tokens as billed, and as estimated.
        self.billed_tokens = self.estimated_tokens = 0
        self.ratio = UpperQuantile(COVERED_SHARE)  # of the two
        self.output_tokens = UpperQuantile(COVERED_SHARE)  # of answers without a limit


class TokenEstimator:
    """Reserves tokens for jobs and learns from their usage, separately for each model.

    Input: the rule's estimate times an upper quantile of (billed / estimated), weighted by the
    estimate. Output: the body's limit, or else an upper quantile of the lengths of answers without
    a limit. Where no tokens are billed: 0. Deterministic, and in constant time per call.
    """

    def __init__(self) -> None:
        self._models: dict[str, _ModelHistory] = {}

    def reserve(self, job: Job) -> int:
        """An upper estimate of the tokens, input and output, that the job will be billed for."""
        if job.url not in TOKEN_URLS:
            return 0
        history = self._models.get(job.model)
        ratio = FIRST_RATIO if history is None else _trusted(history.ratio, FIRST_RATIO)
        output = job.output_limit_tokens
        if output is None:
            output = FIRST_OUTPUT_TOKENS
            if history is not None:
                output = math.ceil(_trusted(history.output_tokens, FIRST_OUTPUT_TOKENS))
        return math.ceil(job.input_estimate_tokens * ratio) + output

    def learn(self, job: Job, reserved_tokens: int, usage: Usage) -> None:
        """Learn from the usage of an answer to `job`. Usage without tokens is ignored.

        Args:
            job: the job that was answered.
            reserved_tokens: what `reserve` gave before it was sent.
            usage: the answer's usage.
        """
        if job.url not in TOKEN_URLS:
            return
        billed, output = usage.input_tokens, usage.output_tokens
        if billed is None and output is None:
            return
        history = self._models.get(job.model)
        if history is None:
            history = self._models[job.model] = _ModelHistory()
        totals = history.totals
        totals.answers += 1
        totals.reserved_tokens += reserved_tokens
        totals.used_tokens += (billed or 0) + (output or 0)
        estimate = job.input_estimate_tokens
        if billed is not None and estimate > 0:
            history.estimated_tokens += estimate
            history.billed_tokens += billed
            history.ratio.add(billed / estimate, weight=estimate)
        if output is not None and job.output_limit_tokens is None:
            history.output_tokens.add(output)

    def likely_input_tokens(self, job: Job) -> int:
        """The likeliest input tokens of the job: the rule, corrected by its model's answers.

        Unlike `reserve`, without a margin.
        """
        history = self._models.get(job.model)
        if history is None or not history.estimated_tokens:
            return job.input_estimate_tokens
        return round(job.input_estimate_tokens * history.billed_tokens / history.estimated_tokens)

    def totals(self) -> dict[str, EstimateTotals]:
        """Reserved and used tokens of the answers so far, by model."""
        return {
            model: EstimateTotals(
                answers=history.totals.answers,
                reserved_tokens=history.totals.reserved_tokens,
                used_tokens=history.totals.used_tokens,
            )
            for model, history in self._models.items()
        }


def _trusted(quantile: UpperQuantile, first: float) -> float:
    enough = quantile.count >= TRUSTED_AFTER_ANSWERS
    return quantile.value if enough else max(first, quantile.value)
