"""The scorer f1: how many words an answer shares with the expected one.

P. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016,
section 6.1, as the evaluation of version 1.1 computes it.
"""

import re
import string
from collections import Counter
from typing import Any

from .score import NOTHING_EXPECTED, Scored, is_nothing, texts_of, wrong_type

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))


def f1(text: str, expected: Any) -> Scored:
    """The harmonic mean of precision and recall over words, the best of those expected: 0 to 1."""
    if is_nothing(expected):
        return NOTHING_EXPECTED
    wanted = texts_of(expected)
    if wanted is None:
        return wrong_type(expected, "text")
    words = words_of(text)
    return Scored(max(_shared(words, words_of(each)) for each in wanted))


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without ASCII punctuation and the articles."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def _shared(words: list[str], wanted: list[str]) -> float:
    same = sum((Counter(words) & Counter(wanted)).values())
    # 2 precision recall / (precision + recall), with precision and recall of the same numerator.
    return 2 * same / (len(words) + len(wanted)) if same else 0.0
