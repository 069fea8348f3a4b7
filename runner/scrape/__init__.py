"""The server's own metrics beside a load run: read once a second, and made a table at its end."""

from .reader import ServerReader
from .spool import Spool
from .table import write_server_table
from .url import checked_scrape_url

__all__ = ["ServerReader", "Spool", "checked_scrape_url", "write_server_table"]
