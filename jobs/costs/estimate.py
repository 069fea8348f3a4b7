"""Tokens of a request before it is sent: a rule on its bytes, and what experience adds to it.

The rule needs no tokenizer and no download. It looks at a body as JSON text: keys, quotes and
brackets count like any other character, which about makes up for what a chat template adds. It aims
at the middle; `TokenEstimator` adds the margin.
"""

import math
import re

import msgspec

from ..endpoints import ENDPOINTS
from ..job import Job
from .prices import Usage
from .quantile import UpperQuantile

# Tokens a character: ASCII text and code; two bytes in UTF-8 (accents, Greek, Cyrillic, Arabic);
# three (Chinese, Japanese, Korean, and most other scripts); four (emoji).
ASCII_TOKENS = 0.25
TWO_BYTE_TOKENS = 0.5
THREE_BYTE_TOKENS = 0.75
FOUR_BYTE_TOKENS = 2.0
# A picture, whatever its size: about what the large services bill for a large one.
MEDIA_TOKENS = 1600

# A model that has not answered this often yet is reserved for with at least this much.
TRUSTED_AFTER_ANSWERS = 8
FIRST_RATIO = 1.3
FIRST_OUTPUT_TOKENS = 2048
# The share of the input tokens, and of the answers without a limit, that the estimate is to cover.
COVERED_SHARE = 0.95

_ALL = range(256)
_NOT_TWO = bytes(byte for byte in _ALL if not 0xC2 <= byte <= 0xDF)
_NOT_THREE = bytes(byte for byte in _ALL if not 0xE0 <= byte <= 0xEF)
_NOT_FOUR = bytes(byte for byte in _ALL if not 0xF0 <= byte <= 0xF4)

_LOW_ESCAPE = re.compile(rb"\\u0[0-7]")
_HALF_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\\_-]{256,}")
_PICTURE = re.compile(rb'"type"\s*:\s*"(?:input_)?image(?:_url)?"')


def estimate_input_tokens(url: str, body: bytes) -> int:
    """Tokens that the input of `body`, a JSON object in UTF-8, is likely to be billed as.

    Images are billed by the piece, so a request for one has 0.
    """
    return 0 if ENDPOINTS[url].kind == "images" else estimate_body_tokens(body)


def estimate_body_tokens(body: bytes) -> int:
    """The same for a body that is no request for images."""
    tokens = 0.0
    # (`in` takes twice as long as `find`: it looks first whether it was given a number.)
    if body.find(b'"type"') >= 0:  # as every part of a message has that isn't plain text
        # Pictures and files inside the request: a flat figure instead of their characters.
        pictures, blobs = len(_PICTURE.findall(body)), 0
        if b"base64" in body:
            body, blobs = _BASE64.subn(b"", body)
        tokens += MEDIA_TOKENS * max(pictures, blobs)
    return int(tokens + _text_tokens(body)) + 1


def estimate_output_tokens(text: str) -> int:
    """Tokens that a text of a model's is likely to be billed as."""
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
            # One backslash, escaped: taken out first, or `\\u` would look like an escape.
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
    """Tokens of one model's answered attempts: reserved before sending, and in the usage after."""

    answers: int = 0
    reserved_tokens: int = 0
    used_tokens: int = 0


class _Learnt:
    """What a model's answers have taught so far."""

    __slots__ = ("billed_tokens", "estimated_tokens", "output_tokens", "ratio", "totals")

    def __init__(self) -> None:
        self.totals = EstimateTotals()
        # Of all answers together: what their input was billed as, and estimated.
        self.billed_tokens = self.estimated_tokens = 0
        self.ratio = UpperQuantile(COVERED_SHARE)  # of the two
        self.output_tokens = UpperQuantile(COVERED_SHARE)  # of answers without a limit


class TokenEstimator:
    """Reserves tokens for jobs and learns from their usage, for each model on its own.

    Input: the rule's estimate times an upper quantile of (billed / estimated), in which a job
    weighs as much as its estimate. Output: the body's limit, or without one an upper quantile of
    the lengths of the answers to such bodies. Images: 0 tokens. The same calls give the same
    figures, each in constant time.
    """

    def __init__(self) -> None:
        self._models: dict[str, _Learnt] = {}

    def reserve(self, job: Job) -> int:
        """An upper estimate of the tokens that the job will be billed for, input and output."""
        if ENDPOINTS[job.url].kind == "images":
            return 0
        learnt = self._models.get(job.model)
        ratio = FIRST_RATIO if learnt is None else _trusted(learnt.ratio, FIRST_RATIO)
        output = job.output_limit_tokens
        if output is None:
            output = FIRST_OUTPUT_TOKENS
            if learnt is not None:
                output = math.ceil(_trusted(learnt.output_tokens, FIRST_OUTPUT_TOKENS))
        return math.ceil(job.input_estimate_tokens * ratio) + output

    def settle(self, job: Job, reserved_tokens: int, usage: Usage) -> None:
        """Learn from an answer's usage. No tokens told, or images made, teach nothing."""
        if ENDPOINTS[job.url].kind == "images":
            return
        billed, output = usage.input_tokens, usage.output_tokens
        if billed is None and output is None:
            return
        learnt = self._models.get(job.model)
        if learnt is None:
            learnt = self._models[job.model] = _Learnt()
        totals = learnt.totals
        totals.answers += 1
        totals.reserved_tokens += reserved_tokens
        totals.used_tokens += (billed or 0) + (output or 0)
        estimate = job.input_estimate_tokens
        if billed is not None and estimate > 0:
            learnt.estimated_tokens += estimate
            learnt.billed_tokens += billed
            learnt.ratio.add(billed / estimate, weight=estimate)
        if output is not None and job.output_limit_tokens is None:
            learnt.output_tokens.add(output)

    def likely_input_tokens(self, job: Job) -> int:
        """What the job's input was most likely billed as: the rule, as its model's answers
        corrected it so far. Without a margin, unlike `reserve`."""
        learnt = self._models.get(job.model)
        if learnt is None or not learnt.estimated_tokens:
            return job.input_estimate_tokens
        return round(job.input_estimate_tokens * learnt.billed_tokens / learnt.estimated_tokens)

    def totals(self) -> dict[str, EstimateTotals]:
        """Tokens reserved beside tokens used of the answers so far, by model."""
        return {
            model: EstimateTotals(
                answers=learnt.totals.answers,
                reserved_tokens=learnt.totals.reserved_tokens,
                used_tokens=learnt.totals.used_tokens,
            )
            for model, learnt in self._models.items()
        }


def _trusted(quantile: UpperQuantile, first: float) -> float:
    enough = quantile.count >= TRUSTED_AFTER_ANSWERS
    return quantile.value if enough else max(first, quantile.value)
