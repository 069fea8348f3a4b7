"""Several judgements at once: S. Holm, Scandinavian Journal of Statistics 6, 1979."""

from collections.abc import Callable, Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for there being several."""
    order = sorted(range(len(p_values)), key=lambda each: p_values[each])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, each in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[each]))
        adjusted[each] = highest
    return adjusted


def holm_rejects(count: int, alpha: float, rejects: Callable[[int, float], bool]) -> set[int]:
    """Which of several hypotheses fall, where a test can be asked at any level but has no p.

    Whatever falls at alpha / count is taken out, then all are asked again at alpha over what is
    left, until none falls. With p values that is Holm's procedure.

    Args:
        count: how many there are.
        alpha: how often any of them may fall that is true.
        rejects: whether a hypothesis (by its number) falls at a level.

    Returns:
        The numbers of those that fall.
    """
    fallen: set[int] = set()
    while left := [each for each in range(count) if each not in fallen]:
        found = {each for each in left if rejects(each, alpha / len(left))}
        if not found:
            break
        fallen |= found
    return fallen
