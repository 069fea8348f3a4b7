"""Whether objectives speak of failures: then a run is judged by them, and not by having some."""

from collections.abc import Sequence

from headrace.jobs import Expression, Name, walk_nodes

# Figures and columns that say what became of requests; a time is of those that were answered.
SPEAK_OF_FAILURES = frozenset(
    (
        *("succeeded", "failed", "error_rate", "attempt_error_rate", "goodput", "goodput_share"),
        *("status", "http_status", "error_code", "error_message"),
        *("attempts.http_status", "attempts.error_code", "attempts.error_kind"),
        "attempts.error_message",
    )
)


def judges_failures(objectives: Sequence[Expression]) -> bool:
    """Whether one of them is missed where too many requests fail, and says so by its words."""
    names = {
        node.name for each in objectives for node in walk_nodes(each.root) if isinstance(node, Name)
    }
    return not SPEAK_OF_FAILURES.isdisjoint(names)
