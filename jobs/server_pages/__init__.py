"""The pages of a server's metrics as a load run keeps them, and what they say: read by the run at
its end, and by a report of one that never came to it."""

from .page_rows import PageRows, Understood, with_pages
from .spool_file import PAGE_BYTES_MAX, SpooledPage, packed_page, page_frame, spooled_pages

__all__ = [
    "PAGE_BYTES_MAX",
    "PageRows",
    "SpooledPage",
    "Understood",
    "packed_page",
    "page_frame",
    "spooled_pages",
    "with_pages",
]
