"""Scores beside a base: of two scorers a difference says nothing of the answers."""

from collections.abc import Iterator, Sequence

from headrace.jobs import Binary, Expression, InputError, Name, walk_nodes

from ..run import Run
from ..scores import score_names, score_table
from .evaluate import COMPARE, has_base


def check_scorers(objectives: Sequence[Expression], run: Run, base: Run) -> None:
    """Refuse objectives that hold a score beside one of its name that was made in another way.

    Args:
        objectives: conditions, whose names all have a meaning.
        run: what is judged.
        base: what `base` stands for.

    Raises:
        InputError: the files of both say by what they were made, and not the same.
    """
    both = {*score_names(run.directory)} & {*score_names(base.directory)}
    for name in sorted(both & {name for each in objectives for name in _beside_base(each)}):
        here, there = (score_table(each, name).scorer for each in (run, base))
        if None not in (here, there) and here != there:
            raise InputError(
                f"{name} was scored by {here} in {run.directory} and by {there} in "
                f"{base.directory}: score both alike, or compare them under other names (--name)"
            )


def _beside_base(objective: Expression) -> Iterator[str]:
    """The names in the comparisons that have `base` in them."""
    for node in walk_nodes(objective.root, into_aggregates=False):
        if isinstance(node, Binary) and node.operator in COMPARE and has_base(node):
            yield from (each.name for each in walk_nodes(node) if isinstance(each, Name))
