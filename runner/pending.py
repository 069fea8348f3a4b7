"""A job on its way: what has come of its attempts so far."""

from decimal import Decimal

import msgspec

from headrace.jobs import Job, Status


class Pending(msgspec.Struct, eq=False, gc=False):
    """A job that is not finished. `made` counts its attempts so far, `charged` those that count
    toward the limit of attempts, `unprocessed` those that the service did nothing with;
    `first_due_s` is its first due time in this session.

    `asked_again` counts how often it was, since answers did not fit; its `job` has them.

    `cost_bound` is the most that one attempt can cost, None where nothing bounds it; `replaces`
    is the status of the result that its next one replaces, None where it has none.
    """

    job: Job
    made: int = 0
    cost_bound: Decimal | None = None
    replaces: Status | None = None
    charged: int = 0
    unprocessed: int = 0
    first_due_s: float | None = None
    asked_again: int = 0

    def begin(self, due_s: float) -> None:
        """Count an attempt that was due at `due_s`."""
        self.made += 1
        if self.first_due_s is None:
            self.first_due_s = due_s
