"""The files of a run directory: whether each is what it has to be, and reading one of them.

A directory may come from somebody else. A symbolic link in it could lead a write, a removal or an
export to any file of the user's; a FIFO or a device would keep a reader waiting for ever. So all
that a run reads or writes has to be a plain file or a plain directory, and whoever opens a run asks
that first. The directory itself may be named by a link.
"""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from .dataset import LEFT_OUT, MADE_JOBS, SPOOLED

MIB = 1024 * 1024
# What --scrape read, and the pages that it is made of, which are there while a run is under way.
SERVER_TABLE = "server.parquet"
SERVER_SPOOL = "server.spool"
# The most that each file may hold: far more than any run writes, and what a report can bear.
RUN_FILES = {
    "run.json": 16 * MIB,
    "concurrency.jsonl": 64 * MIB,
    "rejects.jsonl": 16 * 1024 * MIB,  # gone through in pieces
    "balance.parquet": 256 * MIB,
    "reasks.parquet": 16 * 1024 * MIB,
    SERVER_TABLE: 16 * 1024 * MIB,
    SERVER_SPOOL: 8 * 1024 * MIB,
    MADE_JOBS: 1024 * 1024 * MIB,
    SPOOLED: 1024 * 1024 * MIB,
    LEFT_OUT: 1024 * MIB,
}


class Folder(NamedTuple):
    """A directory of a run: how the files in it end that a run reads, and the most of each."""

    ending: str
    most_bytes: int


FOLDERS = {
    "journal": Folder(".jsonl", 1024 * MIB),  # a segment is full at 8 MiB, with one record more
    "results": Folder(".parquet", 1024 * 1024 * MIB),
    "attempts": Folder(".parquet", 1024 * 1024 * MIB),
}
# Its files are looked at when they are read or written: a run may have very many.
IMAGES = "images"
# A directory for each score of the run, by its name.
SCORES = "scores"
SCORE = Folder(".parquet", 16 * 1024 * MIB)
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_run_files(run: Path) -> None:
    """Refuse a run directory in which something else is in the place of a file or a directory.

    Args:
        run: the directory; nothing is said where it is not there, or is none.

    Raises:
        InputError: naming the first that is a link, a FIFO, a device, of the wrong kind or too
            large.
        OSError: a directory can't be read.
    """
    for name, most_bytes in RUN_FILES.items():
        _check_file(run / name, most_bytes)
    for name in (*FOLDERS, IMAGES):
        if _is_folder(run / name) and name in FOLDERS:
            _check_folder(run / name, FOLDERS[name])
    if _is_folder(run / SCORES):
        with os.scandir(run / SCORES) as entries:
            for entry in entries:
                if _is_folder(run / SCORES / entry.name):
                    _check_folder(run / SCORES / entry.name, SCORE)


def _check_folder(path: Path, folder: Folder) -> None:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(folder.ending):
                _check_file(path / entry.name, folder.most_bytes)


def _check_file(path: Path, most_bytes: int) -> None:
    found = _look(path)
    if found is None:
        return
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is {_kind(found)}, not a file; put a file of a run there")
    if found.st_size > most_bytes:
        raise InputError(
            f"{path} is too large for a run's: {found.st_size:,} bytes, where {most_bytes:,} are "
            "the most; restore it"
        )


def _is_folder(path: Path) -> bool:
    """Whether it is there. Raises InputError where it is something else."""
    found = _look(path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise InputError(
            f"{path} is {_kind(found)}, not a directory; put the directory itself there"
        )
    return found is not None


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None  # never there, or sealed since it was listed


def _kind(found: os.stat_result) -> str:
    return KINDS.get(stat.S_IFMT(found.st_mode), "something else")


def read_run_file(run: Path, name: str, *, most_bytes: int) -> bytes:
    """The content of a file in a run directory, which is never one that a link leads to.

    Each step is taken from the one before it, so that no link that comes in between is followed.

    Args:
        run: the directory, which may itself be named by a link.
        name: of the file, such as "images/0-0.png".
        most_bytes: what it may hold.

    Raises:
        OSError: it is not there, can't be read, is not a plain file or is too large, which its
            `strerror` says.
    """
    *folders, last = name.split("/")
    descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        # Without waiting for whoever may write to a FIFO.
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(error.errno, "a symbolic link is in its place") from error
        raise
    finally:
        os.close(descriptor)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"it is {_kind(found)}, not a file")
        if found.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} bytes")
        return opened.read(most_bytes)
