"""Temporary names: a new file, or one that an ended run of fervid left there; never anything else."""

from __future__ import annotations

import errno
import glob
import io
import os
import stat
from pathlib import Path

from fervid.pipeline.errors import OutputError
from fervid.pipeline.ownership import marked, sign

FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
OWN = "{}"
"""The mark of a file that was made from no input in particular."""


def create(path: Path) -> io.FileIO:
    """An empty file at a temporary name.

    Raises:
        OutputError: something lies there that fervid did not make.
        BlockingIOError: another run writes it.
        OSError: the folder cannot be written.
    """
    file = grasp(path)
    try:
        clear(file, path)
        sign(file.fileno(), OWN)
    except BaseException:
        file.close()
        raise
    return file


def grasp(path: Path) -> io.FileIO:
    """The file at a temporary name, made if there is none, and locked; what it holds stays.

    Raises:
        OutputError: it is no file of its own: a link, one of two names of a file, a FIFO, a device or a folder.
        BlockingIOError: another run writes it.
    """
    file = io.FileIO(_open(path), "r+b")
    state = os.fstat(file.fileno())
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        file.close()
        raise _in_the_way(path)
    if not _lock(file) or not _still_there(path, state):
        file.close()
        raise BlockingIOError(errno.EWOULDBLOCK, "is being written")
    return file


def clear(file: io.FileIO, path: Path) -> None:
    """Empty what was grasped, if an ended run left it.

    Raises:
        OutputError: fervid did not make it.
    """
    if not left_over(file.fileno()):
        raise _in_the_way(path)
    file.truncate(0)


def left_over(file: int | Path) -> bool:
    """Whether fervid made this file, as far as can be told, or it holds nothing."""
    try:
        state = os.fstat(file) if isinstance(file, int) else file.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(state.st_mode) and (not state.st_size or marked(file) != b"")


def free(path: Path) -> None:
    """Make sure that what an output needs beside it can be made, its own temporary name among it.

    Raises:
        OutputError: something lies there that fervid did not make.
    """
    for name in path.parent.glob(f"{glob.escape(path.name)}.part*"):
        if not left_over(name):
            raise _in_the_way(name)


def _open(path: Path) -> int:
    try:
        return os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _in_the_way(path) from None
        return os.open(path, FLAGS)


def _in_the_way(path: Path) -> OutputError:
    return OutputError(f"{path}: is in the way, and fervid did not make it; move it, or write to another name")


def _still_there(path: Path, state: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.lstat(), state)
    except FileNotFoundError:
        return False


def _lock(file: io.FileIO) -> bool:
    """Whether nobody else holds the file; the system lets go of it when this process ends, however it ends."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)  # a file system without locks is no other run
    return True
