"""A comparison as one page: what it means in sentences, then figure by figure, then the flips."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ..comparison import (
    Comparison,
    Difference,
    ScoreDifference,
    cells,
    distance,
    first_of_each,
    group_cells,
    pairing_words,
    score_title,
    sentences,
)
from .interval_bar import interval_bar, reach_of
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
        scores=[_score(each) for each in comparison.scores],
        **differences_context(comparison),
    )
    return text.encode("utf-8", "replace")


def differences_context(comparison: Comparison) -> dict[str, Any]:
    """What the template of the differences needs."""
    return {
        "rows": list(_rows(comparison)),
        "several": max(len(comparison.runs_a), len(comparison.runs_b)) > 1,
        "known": comparison.noise_between_runs == "known",
        "judged": sum(each.p is not None for each in comparison.differences),
        "seed": comparison.seed,
    }


def _score(each: ScoreDifference) -> dict[str, Any]:
    """One score: its groups as texts of lines, and the flips to show and those to name alone."""
    shown = first_of_each(each.flips)
    named = [flip.custom_id for flip in each.flips if flip not in shown]
    return {
        "title": score_title(each.name),
        "by": each.by,
        "groups": [group_cells(group, share=each.share) for group in each.groups],
        "binary": each.binary,
        "lost": each.right_to_wrong or 0,
        "gained": each.wrong_to_right or 0,
        "flips": shown,
        "named": named,
    }


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A row for each figure; those of one metric share the scale of their drawings."""
    for _, group in groupby(comparison.differences, key=_metric):
        found = list(group)
        reach = reach_of(found)
        for each in found:
            texts = cells(each)
            bar = interval_bar(each, reach, f"{texts[0]}, B minus A: {texts[4]}")
            yield {
                "cells": texts,
                "finding": each.finding,
                "bar": bar,
                "spreads": [
                    "" if size is None else distance(size, each.unit)
                    for size in (each.between_a, each.between_b)
                ],
            }


def _metric(each: Difference) -> str:
    return each.metric
