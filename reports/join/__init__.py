"""A table's rows with the answers beside them."""

from .join import Joined, join_run

__all__ = [
    "Joined",
    "join_run",
]
