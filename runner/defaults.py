"""What a run does where nothing is said: one table for the flags, the settings and programs.

It imports next to nothing, since the command line reads it before a command runs.
"""

from typing import Final, NamedTuple

from headrace import settings_file


class Defaults(NamedTuple):
    """Of one kind of run: limits per minute (None for no limit), attempts at a job, and how long
    what is in flight has at the end."""

    rpm: int | None
    tpm: int | None
    attempts: int
    grace_s: float


# Where the key is read from: never a flag, never a file.
KEY_VARIABLE: Final = settings_file.KEY_VARIABLE

BULK = Defaults(rpm=60, tpm=100_000, attempts=6, grace_s=30.0)
LOAD = Defaults(rpm=None, tpm=None, attempts=1, grace_s=120.0)

# Of any run.
DEADLINE_S = 24 * 3600.0
OUTAGE_S = 30 * 60.0

# Of a load run.
WARMUP_S = 0.0
ARRIVALS: Final = "constant"
VARIATION = 2.0
SPEED = 1.0
URL = "/v1/chat/completions"
MODEL = "deepseek-v4-flash"  # the text model of the API reference
PROMPT_TOKENS = "512"
OUTPUT_TOKENS = "128"
SHARED_PREFIX = 0.0
TURNS = "1"
PRECISION = 0.05
