"""The calibration of this machine, kept in a small file of the user's between runs.

$XDG_STATE_HOME/headrace/calibration.json, or ~/.local/state/headrace/calibration.json
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from headrace.jobs import InputError, replace_file

SCHEMA_VERSION = 1


class LoadError(msgspec.Struct, frozen=True, kw_only=True):
    """Reported minus the gateway's log at one load, in seconds: the middle of it, and the size that
    99 % don't exceed. None of what there isn't."""

    ttft_p50_s: float | None
    ttft_p99_s: float | None
    itl_p50_s: float | None
    itl_p99_s: float | None
    latency_p50_s: float | None
    latency_p99_s: float | None


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The most that was done. `limit` says what stopped it there: the client itself, the gateway
    (then the client can do more), or that no more was tried."""

    most: float
    limit: str


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """What so many workers do together."""

    workers: int
    requests_per_s: Peak
    chunks_per_s: Peak
    streams: Peak


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What the client of one machine can do: one process, and `together` several, where that was
    asked for."""

    schema_version: int
    headrace: str
    machine: str
    cores: int
    measured_at: datetime
    requests_per_s: Peak
    chunks_per_s: Peak
    streams: Peak
    errors: dict[str, LoadError]
    together: Together | None = None


def calibration_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the calibration is kept."""
    home = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "headrace" / "calibration.json"


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write it, whole or not at all. Raises InputError where that can't be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, as_json(calibration))
    except OSError as error:
        raise InputError(
            f"cannot keep the calibration in {path}: {error.strerror}; set XDG_STATE_HOME"
        ) from error


def as_json(calibration: Calibration) -> bytes:
    """The calibration as indented JSON, with a line end."""
    return msgspec.json.format(msgspec.json.encode(calibration), indent=2) + b"\n"


def saved_calibration(path: Path) -> Calibration | None:
    """The calibration that was kept; None without one, or where it is of another version."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.schema_version == SCHEMA_VERSION else None
