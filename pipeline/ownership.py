"""Who made an output, and from what input: what nobody but fervid made, or what came of another input, is kept.

The record lies in the output, beside it, or in an attribute of the file, which every file gets with its temporary name:
so fervid knows what it began, too. Attributes get lost where a file is copied, and some file systems have none.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fervid.pipeline.errors import OutputError
from fervid.pipeline.frame import Source
from fervid.pipeline.original import sampled

ATTRIBUTE = "user.fervid"
LONGEST = 16 << 20
"""Bytes of a page that are read."""
KINDS = {stat.S_IFLNK: "link", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}


class Origin(NamedTuple):
    """The input that an output was made from."""

    name: str
    digest: str
    """Of a file, SHA-256 over its length and pieces all along it; else over the name, with the folder."""

    @property
    def text(self) -> str:
        """As it stands in an output."""
        return json.dumps({"made_by": "fervid", "input": self.name, "digest": self.digest})

    @classmethod
    def read(cls, text: str | bytes | None) -> Origin | None:
        """From what stands in an output; None where fervid did not write it."""
        try:
            told = json.loads(text or "")
            return cls(str(told["input"]), str(told["digest"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


class Record(NamedTuple):
    """Where outputs of a kind say what they were made from."""

    read: Callable[[Path], Origin | None]
    beside: str = ""
    """What follows the output's name in that of the file that belongs to it."""

    def files(self, path: Path) -> list[Path]:
        """The output, and what lies beside it."""
        return [path, path.with_name(f"{path.name}{self.beside}")] if self.beside else [path]

    def origin(self, path: Path) -> Origin | None:
        """What an output was made from; None where that is not known."""
        return self.read(path) or signed(path)


class Maker(Protocol):
    """A run, as far as its right to replace what is there is concerned."""

    source: Source | None
    overwrite: bool


def origin(source: Source) -> Origin:
    """What outputs of this input are known by."""
    path, original = source.path, source.original
    if path is not None and (original or path.is_file()):
        return Origin(path.name, original.digest if original else sampled(path))
    told = f"{path.absolute() if path else ''}\0{source.name}"
    return Origin(source.name, hashlib.sha256(told.encode(errors="replace")).hexdigest())


def sign(file: int, text: str) -> None:
    """Mark an open file as fervid's, where its file system can."""
    with suppress(OSError, AttributeError):
        os.setxattr(file, ATTRIBUTE, text.encode(errors="replace"))


def marked(file: int | Path) -> bytes | None:
    """The mark of a file; empty where it has none, None where its file system cannot tell."""
    try:
        if isinstance(file, int):
            return os.getxattr(file, ATTRIBUTE)
        return os.getxattr(file, ATTRIBUTE, follow_symlinks=False)
    except AttributeError:
        return None
    except OSError as error:
        return b"" if error.errno == errno.ENODATA else None


def signed(path: Path) -> Origin | None:
    """What the mark of a file says."""
    return Origin.read(marked(path))


def paged(path: Path) -> Origin | None:
    """What the page beside an output says."""
    told = page(path).get("origin")
    return Origin.read(json.dumps(told)) if told else None


def page(path: Path) -> Mapping[str, Any]:
    """The page beside an output; empty where none of fervid's is there."""
    beside = path.with_name(f"{path.name}{PAGE.beside}")
    try:
        if beside.lstat().st_size > LONGEST or not stat.S_ISREG(beside.lstat().st_mode):
            return {}
        told = json.loads(beside.read_bytes())
        return told if isinstance(told, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


SIGNED = Record(signed)
PAGE = Record(paged, ".json")


def check(path: Path, run: Maker, record: Record) -> None:
    """Make sure that an output may take this name.

    Raises:
        OutputError: it would replace the input, what is no ordinary file, or what this run has no right to.
    """
    assert run.source
    for name in record.files(path):
        if apart(name, run.source) and not run.overwrite and not run.source.live:
            _check_origin(name, record.read(path) or signed(name), origin(run.source))


def apart(path: Path, source: Source) -> bool:
    """Whether an ordinary file is there, which is not the input.

    Raises:
        OutputError: the input is, or what is no ordinary file.
    """
    if is_input(path, source):
        raise OutputError(f"{path}: would overwrite the input; write to another name")
    return regular(path)


def spare(path: Path, run: Maker) -> None:
    """Refuse to replace what a camera showed: no other run shows it again.

    Raises:
        OutputError: that would be.
    """
    if run.source and run.source.live and not run.overwrite and path.exists():
        raise OutputError(f"{path}: is there, and no camera shows it again; move it, or put {{time}} into the name")


def is_input(path: Path, source: Source) -> bool:
    """Whether a name is that of the input, or of a link to it."""
    return bool(source.file and source.file.exists() and path.exists() and path.samefile(source.file))


def regular(path: Path) -> bool:
    """Whether an ordinary file is there, or nothing is.

    Raises:
        OutputError: something else is.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "device")
        raise OutputError(f"{path}: is a {kind}, which no output replaces; name a file")
    return True


def _check_origin(name: Path, there: Origin | None, mine: Origin) -> None:
    how = "write to another name, or replace it with --overwrite"
    if there is None:
        raise OutputError(f"{name}: is there, and fervid did not make it; {how}")
    if there.digest != mine.digest:
        raise OutputError(f"{name}: was made from another input, {there.name}; {how}")
