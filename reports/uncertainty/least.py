"""The least of several figures, such as the shares of the jobs that each scorer could score."""

from collections.abc import Sequence
from dataclasses import replace

from .estimate import Estimate
from .shares import Ends


def least(estimates: Sequence[Estimate]) -> Estimate:
    """The least of figures, and where the least of what they are estimates of lies.

    The least upper end is that of several that chance may have moved down, each of which is asked
    for at a level for all of them together (C. Bonferroni, 1936); the least lower end is above the
    truth only where that of the least one is.

    Args:
        estimates: one at least. What goes together with a base is the first of the least ones.
    """
    found = min(estimates, key=lambda each: each.value)
    if len(estimates) == 1:
        return found

    def ends(level: float, growth: float) -> Ends:
        together = 1 - (1 - level) / len(estimates)
        return Ends(
            min(each.ends(level, growth).low for each in estimates),
            min(each.ends(together, growth).high for each in estimates),
        )

    return replace(found, ends=ends)
