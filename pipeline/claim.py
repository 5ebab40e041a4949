"""Claim the place of an output: what may not be replaced or cannot be written is refused, others are kept from it."""

from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fervid.pipeline import temporary
from fervid.pipeline.errors import OutputError
from fervid.pipeline.ownership import Maker, Record, apart, check, is_input, sign, spare

log = logging.getLogger(__name__)
KEPT = ".resume"
"""What follows the name of an output, in the name of the file that a stopped run goes on from."""
HEAD = b'{"version": '
"""How it begins."""


class Claimant(Maker, Protocol):
    """A run, as far as it claims files."""

    resumable: bool


def ensure(path: Path, run: Claimant, record: Record) -> None:
    """Make sure that an output can be written, as far as can be told before.

    Raises:
        OutputError: it cannot, or would replace what must not be replaced.
    """
    assert run.source
    with _told(path):
        check(path, run, record)
        for name in record.files(partial(path)):
            apart(name, run.source)  # whose it is counts only if this run does not become whole either
    reach(path)
    for name in _recorded(path):
        spare(name, run)
    for name in () if run.resumable else record.files(path):
        temporary.free(name)


def reach(path: Path) -> None:
    """Make sure that a file can be made there, or in a folder that can be.

    Raises:
        OutputError: it cannot.
    """
    with _told(path):
        folder = next(one for one in path.absolute().parents if one.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {_reason(path, error)}") from error


@contextmanager
def held(path: Path, part: Path, run: Claimant, mark: str, record: Record) -> Iterator[None]:
    """Make the temporary file, and keep others from writing it meanwhile.

    Raises:
        OutputError: it cannot be written, or the output would replace what must not be replaced.
    """
    assert run.source
    try:
        if is_input(part, run.source):
            raise OutputError(f"{path}: would overwrite the input; write to another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.grasp(part)
    except BlockingIOError:
        raise OutputError(f"{path}: another stage or run is writing it; write to another name") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {_reason(path, error)}") from error
    with file:
        try:
            ensure(path, run, record)
            if not run.resumable:
                _begin_anew(file, path, part)
            sign(file.fileno(), mark)
        except BaseException:
            if not part.stat().st_size:
                part.unlink()
            raise
        yield


def _begin_anew(file: io.FileIO, path: Path, part: Path) -> None:
    kept = path.with_name(f"{path.name}{KEPT}")
    if is_kept(kept):
        log.warning("%s: what was kept of an ended run is given up, as this one begins anew", kept)
        kept.unlink()
    temporary.clear(file, part)


def is_kept(path: Path) -> bool:
    """Whether a file is what a run left to go on from, also where it was copied and its mark got lost."""
    if temporary.left_over(path):
        return True
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEAD)) == HEAD


def _recorded(path: Path) -> tuple[Path, ...]:
    """Where an earlier run may have left what it recorded, whole or not."""
    part = path.with_name(f"{path.name}.part")
    return path, partial(path), *((part,) if part.exists() and part.stat().st_size else ())


def _reason(path: Path, error: OSError) -> str:
    in_the_way = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None)
    return f"{in_the_way} is a file, not a folder" if in_the_way else str(error.strerror)


def partial(path: Path) -> Path:
    """The name of what did not become whole."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
