"""Nights: an eval run again and again, each held to conditions and beside earlier ones."""

from .eval_file import EvalFile, read_eval_file
from .night import NightOrders, NightOutcome, run_night
from .runs_directory import RunsDirectory

__all__ = [
    "EvalFile",
    "NightOrders",
    "NightOutcome",
    "RunsDirectory",
    "read_eval_file",
    "run_night",
]
