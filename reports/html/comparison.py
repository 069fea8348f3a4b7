"""A comparison as one page: what it means in sentences, then figure by figure."""

from markupsafe import Markup

from ..comparison import Comparison, cells, pairing_words, sentences
from .page_shell import render


def comparison_page(comparison: Comparison) -> bytes:
    """The page, UTF-8. Bytes of the same comparison are the same."""
    text = render(
        "comparison.html.jinja",
        title=f"{comparison.a} and {comparison.b}: comparison",
        script=Markup(""),
        a=comparison.a,
        b=comparison.b,
        pairing=pairing_words(comparison),
        sentences=list(sentences(comparison)),
        rows=[{"cells": cells(each), "finding": each.finding} for each in comparison.differences],
        seed=comparison.seed,
        judged=sum(each.p is not None for each in comparison.differences),
    )
    return text.encode("utf-8", "replace")
