"""A load run of 12 s, 2 s of them warm-up, in which little is alike."""

from datetime import timedelta
from random import Random
from typing import Any

from headrace.jobs import LoadFacts, MachineFacts

from .conftest import START, RunMaker, at

BEGIN_S, END_S = 2.0, 12.0


def facts(**fields: Any) -> LoadFacts:
    """A valid open-loop run of 10 measured seconds."""
    defaults: dict[str, Any] = {
        "shape": "rate",
        "asked": "50/s poisson",
        "open_loop": True,
        "rate_per_s": 50.0,
        "prompts": "512 tokens",
        "model": "small",
        "url": "/v1/chat/completions",
        "stream": True,
        "warmup_s": 2.0,
        "duration_s": 10.0,
        "measure_from": at(BEGIN_S),
        "measure_to": at(END_S),
        "ended": at(END_S + 1),
        "machine": MachineFacts(in_flight_max=40),
    }
    return LoadFacts(**{**defaults, **fields})


class LoadMaker:
    """Adds requests to a run, and remembers them as plain numbers for whoever checks the report."""

    def __init__(self, made: RunMaker) -> None:
        self.made = made
        self.rng = Random(7)
        self.rows: list[dict[str, Any]] = []

    def request(self, due_s: float, **fields: Any) -> None:
        """A request due then, answered unless `fields` say otherwise."""
        rng, index = self.rng, len(self.rows)
        tokens = rng.randint(1, 20)
        gaps = [rng.choice((0.0, 0.01, 0.012, 0.03)) for _ in range(tokens - 1)]
        ttft_s = rng.uniform(0.05, 0.4)
        row: dict[str, Any] = {
            "wait_s": rng.uniform(0, 0.001),
            "ttft_s": ttft_s,
            "content_ttft_s": ttft_s + 0.1,
            "latency_s": ttft_s + sum(gaps),
            "gaps_s": gaps,
            "output_tokens": tokens,
            "input_tokens": rng.randint(100, 900),
            "client_lag_s": 0.0001,
            "connection_reused": True,
            "phase": "warmup" if due_s < BEGIN_S else "measure" if due_s < END_S else "drain",
            **fields,
        }
        # Moments are kept to the microsecond.
        sent = START + timedelta(microseconds=round((due_s + row["wait_s"]) * 1e6))
        self.made.attempt(index, due_at=at(due_s), sent_at=sent, **row)
        self.made.result(
            index,
            status="failed" if row.get("error_kind") else "succeeded",
            **{name: row[name] for name in ("wait_s", "ttft_s", "latency_s", "output_tokens")},
            total_s=row["wait_s"] + (row["latency_s"] or 0),
        )
        self.rows.append({**row, "sent_s": (sent - START).total_seconds()})

    def fill(self, count: int) -> None:
        """So many answers, due at random over all 13 s."""
        for due_s in sorted(round(self.rng.uniform(0, 13), 3) for _ in range(count)):
            self.request(due_s)

    def measured(self) -> list[dict[str, Any]]:
        """The measured answers."""
        return [row for row in self.rows if row["phase"] == "measure" and not row.get("error_kind")]
