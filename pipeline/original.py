"""The file that is read, held open: whether it is still what it was, and what it holds."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from functools import cached_property
from pathlib import Path

from fervid.pipeline.errors import InputError

SAMPLES, SAMPLE = 16, 1 << 16
"""How many pieces of how many bytes tell one recording from another."""


class Original:
    """A file as it was when it was opened; another one that takes its name meanwhile is not it."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InputError: it cannot be read, or is no ordinary file: others may keep a reader waiting for ever.
        """
        self.path = path
        try:
            self._file = io.FileIO(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(self.number).st_mode):
            raise InputError(f"{path}: is no ordinary file")
        self._opened = self._look()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    @property
    def number(self) -> int:
        """Of the open file, for a process that shall read it too."""
        return self._file.fileno()

    @property
    def name(self) -> Path:
        """By which the very file can be opened once more, here and in a process that is given its number."""
        here = Path(f"/proc/self/fd/{self.number}")
        return here if here.exists() else self.path

    @property
    def changed(self) -> str:
        """What happened to it, in words; nothing where it is as it was. Its name may be gone."""
        if self._look() != self._opened:
            return "was changed while it was read"
        try:
            same = os.path.samestat(self.path.stat(), os.fstat(self.number))
        except OSError:
            return ""
        return "" if same else "was replaced by another file while it was read"

    def check(self) -> None:
        """Make sure that it is what it was.

        Raises:
            InputError: it is not.
        """
        if self.changed:
            raise InputError(f"{self.path}: {self.changed}, so nothing is complete; run it again")

    @cached_property
    def digest(self) -> str:
        """By which its outputs are known, as it was when that was first asked for."""
        return sampled(self.name)

    def sha256(self) -> str | None:
        """Of what was read, in hexadecimal; None where that is not there any more."""
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        return None if self.changed else digest

    def _look(self) -> tuple[int, int]:
        state = os.fstat(self.number)
        return state.st_size, state.st_mtime_ns


def sampled(path: Path) -> str:
    """SHA-256 of a file's length and of pieces from its beginning to its end: as quick for large files."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(str(size).encode())
        for number in range(SAMPLES):
            file.seek(max(0, size - SAMPLE) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()
