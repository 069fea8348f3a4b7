"""Images of answers: decoded or downloaded into the run's files."""

from .backfill import fetch_missing
from .downloads import Downloads
from .files import links_in
from .public_hosts import connect_public
from .store import ImageStore

__all__ = [
    "Downloads",
    "ImageStore",
    "connect_public",
    "fetch_missing",
    "links_in",
]
