"""A scorer of the user's: a function in a process of its own."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from headrace.jobs import InputError

from ..scores import Scored
from .scoring_process import ScoringProcess

BATCH_ROWS = 256
# How long a row may take, in seconds, and after how many that took longer, one after the other, it
# is not asked any more.
ROW_LIMIT_S = 300.0
HANGS_MAX = 3
# How long its module may take to be imported.
START_LIMIT_S = 600.0


class FunctionScorer:
    """Scores rows by `module:function`. A context manager, which ends the process that does it.

    Where the process ends in the middle of a row, or the row takes too long, that row has the
    reason, and another process scores the rest.

    Args:
        spec: the module and the function.
        row_limit_s: how long it may take for a row.
    """

    def __init__(self, spec: str, row_limit_s: float = ROW_LIMIT_S) -> None:
        self._spec, self._limit_s = spec, row_limit_s
        self._process: ScoringProcess | None = None
        self._hangs = 0

    def __enter__(self) -> "FunctionScorer":
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(at_once=kind is not None)

    def scores(self, rows: Sequence[dict[str, Any]]) -> list[Scored]:
        """The score of each row, in their order. Raises InputError where it can't be imported."""
        found: list[Scored] = []
        while len(found) < len(rows):
            if self._hangs == HANGS_MAX:
                return found + [self._given_up()] * (len(rows) - len(found))
            found += self._of_batch(rows[len(found) : len(found) + BATCH_ROWS])
        return found

    def _of_batch(self, rows: Sequence[dict[str, Any]]) -> Iterator[Scored]:
        """The scores of these rows, up to the one over which its process ended."""
        process = self._process or self._start()
        process.ask(rows)
        for _ in rows:
            try:
                score, reason = process.answer(self._limit_s)
            except EOFError:
                how = self._end(at_once=False)
                yield Scored(None, f"the scorer ended its process ({how})")
                return
            except TimeoutError:
                self._hangs += 1
                self._end(at_once=True)
                yield Scored(None, f"the scorer took more than {self._limit_s:g} s")
                return
            self._hangs = 0
            yield Scored(score, reason)

    def _given_up(self) -> Scored:
        said = f"the scorer took more than {self._limit_s:g} s for each of {HANGS_MAX} rows"
        return Scored(None, f"{said}, so it was not asked any more")

    def _start(self) -> ScoringProcess:
        self._process = process = ScoringProcess(self._spec)
        try:
            said = process.answer(START_LIMIT_S)
        except EOFError:
            said = "its process ended"
        except TimeoutError:
            said = f"its import took more than {START_LIMIT_S:g} s"
        if said is not None:
            self._end(at_once=True)
            raise InputError(f"{self._spec} can't be used as a scorer: {said}")
        return process

    def _end(self, *, at_once: bool) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        if at_once:
            process.kill()
        return process.end()
