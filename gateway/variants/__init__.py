"""Answers in the variants in which real services send them: as faults of the gateway.

Each variant makes another answer of a right one. Its bytes are those of public reports of bugs; its
words are our own.
"""

from .answer import Answer, Protocol, take_apart
from .table import VARIANTS, Variant, choose

__all__ = ["VARIANTS", "Answer", "Protocol", "Variant", "choose", "take_apart"]
