"""Nights: a run held to its conditions, beside earlier ones, as far as chance lets it be told."""

from .cut_short import CutNight, cut_markdown, cut_night
from .judgement import LEVEL, Asked, NightObjective, judge_night
from .junit import night_junit
from .markdown import night_markdown
from .questions import AskedQuestion, questions_of
from .report import (
    NIGHT_SCHEMA_VERSION,
    Base,
    NightPlan,
    NightReport,
    check_night,
    report_night,
)
from .spending import Spent, spent_by
from .words import came_words, flips_words, headline, notes, verdict_of

__all__ = [
    "LEVEL",
    "NIGHT_SCHEMA_VERSION",
    "Asked",
    "AskedQuestion",
    "Base",
    "CutNight",
    "NightObjective",
    "NightPlan",
    "NightReport",
    "Spent",
    "came_words",
    "check_night",
    "cut_markdown",
    "cut_night",
    "flips_words",
    "headline",
    "judge_night",
    "night_junit",
    "night_markdown",
    "notes",
    "questions_of",
    "report_night",
    "spent_by",
    "verdict_of",
]
