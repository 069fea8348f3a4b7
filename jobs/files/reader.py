"""Reading a job file into jobs: dialects, duplicates, and jobs that could never be sent."""

from collections.abc import Iterator, Mapping
from json import dumps
from typing import TYPE_CHECKING

from ..costs import CostBounds, PriceTable
from ..job import Job, Reject
from ..model_limits import too_large
from ..other_endpoints import NO_OTHERS, OtherEndpoints
from ..records import ModelLimits
from .dialects import document_lines, make_reject, parse_line
from .duplicates import SeenIds
from .form import form_of
from .second_look import without_marks
from .source import Source, display_name

if TYPE_CHECKING:
    from ..services import JobServices

# What `parse` takes at a time, in about half a millisecond: so many lines, or fewer that have so
# many bytes together, but at least one.
PARSED_LINES = 128
PARSED_BYTES = 64 * 1024
LARGE_BYTES = 128 * 1024  # a line that takes about a millisecond by itself


class JobReader:
    """Iterates over the jobs of a file, and its lines that are not jobs, in the order of the file.

    Iteration reads the file as needed. A caller that must not block uses `fill`, which may block,
    and `parse`, which takes little time, instead.

    Blank lines are skipped, but counted. Of jobs with the same custom_id, the first is accepted.

    Args:
        source: the file. The caller closes it.
        tpm: tokens per minute. A job that is estimated to be larger is a Reject, since no limiter
            could ever admit it.
        model_limits: models with limits of their own, which go before `tpm`.
        bounded_by: prices. A job whose cost they don't bound is a Reject.
        others: the paths that are taken besides ENDPOINTS.
        services: which a job goes to, and what that one holds it to, in the place of `tpm`,
            `model_limits` and `bounded_by`.
    """

    def __init__(
        self,
        source: Source,
        *,
        tpm: int | None = None,
        model_limits: Mapping[str, ModelLimits] | None = None,
        bounded_by: PriceTable | None = None,
        others: OtherEndpoints = NO_OTHERS,
        services: "JobServices | None" = None,
    ) -> None:
        self._source = source
        self._tpm = tpm
        self._model_limits = model_limits
        self._others = others
        self._services = services
        self._bounds = None if bounded_by is None else CostBounds(bounded_by)
        self._seen = SeenIds()
        self._batches = _batches(source)
        self._lines: list[bytes] = []  # the latest batch
        self._before = 0  # lines before it
        self._taken = 0  # of its lines
        self.items = 0  # jobs and rejects that were parsed

    def __iter__(self) -> Iterator[Job | Reject]:
        """Raises InputError where the file can't be read any further, after all before that."""
        while self.fill():
            yield from self.parse()

    @property
    def filled(self) -> bool:
        """Whether there are lines to parse."""
        return self._taken < len(self._lines)

    @property
    def large(self) -> bool:
        """Whether the next of them takes about a millisecond by itself."""
        return len(self._lines[self._taken]) > LARGE_BYTES

    def fill(self) -> bool:
        """Read until there are lines to parse; False at the end of the file.

        Raises InputError where the file can't be read any further.
        """
        while not self.filled:
            batch = next(self._batches, None)
            # Only now, since `fraction` may be called while another thread waits for the file.
            self._before += len(self._lines)
            self._lines, self._taken = batch or [], 0
            if batch is None:
                return False
        return True

    def parse(self) -> list[Job | Reject]:
        """Parse some of the lines that were read; nothing comes of blank ones."""
        found: list[Job | Reject] = []
        taken = self._taken
        room_bytes = PARSED_BYTES
        for line in self._lines[taken : taken + PARSED_LINES]:
            room_bytes -= len(line)
            if room_bytes < 0 and taken > self._taken:
                break
            taken += 1
            if line and not line.isspace():
                item = self._parsed(line, self._before + taken)
                if item is not None:
                    found.append(item)
        self._taken = taken
        self.items += len(found)
        return found

    def fraction(self) -> float | None:
        """The parsed share of the stored file, from 0 to 1; None where its size is not known."""
        lines, taken = self._lines, self._taken
        return self._source.fraction(taken / len(lines) if lines else 0.0)

    def expected_items(self) -> float | None:
        """How many jobs and rejects the whole file has, going by its parsed share; None where its
        size is not known, or nothing is parsed yet."""
        fraction = self.fraction()
        return self.items / fraction if fraction and self.items else None

    def _parsed(self, line: bytes, number: int) -> Job | Reject | None:
        """What the line holds; None where it is blank but for byte order marks."""
        item = parse_line(line, number, self._others)
        if not isinstance(item, Job):
            bare = without_marks(line, number, self._source)
            if bare is None or bare == line:
                return item if bare else None
            item = parse_line(bare, number, self._others)
            if not isinstance(item, Job):
                return item
        own = self._model_limits.get(item.model) if self._model_limits else None
        tpm = self._tpm if own is None else own.tpm
        reason = None
        if self._services is not None:
            reason = self._services.why_not(item)
        elif tpm is not None and item.input_estimate_tokens + (item.output_limit_tokens or 0) > tpm:
            table = "--tpm" if own is None else f"the model's tpm in [limits.{dumps(item.model)}]"
            reason = too_large(item, tpm, what=table)
        elif self._bounds is not None:
            reason = self._bounds.why_none(item)
        if reason is None and not self._seen.add(item.custom_id, number):
            reason = (
                f"duplicate custom_id: line {self._seen.line_of(item.custom_id)} has it already; "
                "give each line one of its own"
            )
        return item if reason is None else make_reject(line, number, reason, item.custom_id)


def _batches(source: Source) -> Iterator[list[bytes]]:
    form = form_of(source)
    if form == "lines":
        yield from source.batches()
    else:
        name = display_name(source.path)
        yield from document_lines(source.read_all(), name, array=form == "array")
