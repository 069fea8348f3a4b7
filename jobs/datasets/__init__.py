"""Tables into jobs: a recipe says how each row is asked."""

from .job_file import check_out, write_job_file
from .make import ID_DIGITS, JobMaker, MadeJob, made_jobs, row_ids
from .pieces import Piece
from .placing import Placed, place_jobs
from .recipe import read_recipe
from .selection import Chosen, choose
from .spool import spool
from .table import URL, Table, open_table

__all__ = [
    "ID_DIGITS",
    "URL",
    "Chosen",
    "JobMaker",
    "MadeJob",
    "Piece",
    "Placed",
    "Table",
    "check_out",
    "choose",
    "made_jobs",
    "open_table",
    "place_jobs",
    "read_recipe",
    "row_ids",
    "spool",
    "write_job_file",
]
