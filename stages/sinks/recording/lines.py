"""A table as text on the disk, whole lines only."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from fervid.pipeline.errors import OutputError, StageError
from fervid.pipeline.fact import Cell, Column
from fervid.pipeline.table import Part, Table

MARK = "\ufeff"
"""Unicode's byte order mark."""


@dataclass(slots=True)
class Written:
    """How far a table is."""

    bytes: int = 0
    frames: int = 0


class Dialect(NamedTuple):
    """What differs between the programs that read a table."""

    separator: str = ","
    decimal: str = "."
    bom: bool = False
    """Whether a byte order mark stands first."""


class Lines:
    """Writes rows as text, and knows how far it is."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._separator = dialect.separator
        names = self._separator.join(column.name for column in table.columns)
        self._head = f"{MARK if dialect.bom else ''}{names}\n"
        self._texts = [_as_text(group, dialect) for group in table.groups]
        self._file: io.FileIO | None = None
        self.written = Written()

    @contextmanager
    def to(self, path: Path) -> Iterator[None]:
        """Write there, behind what was written before the run was resumed.

        Raises:
            OutputError: the file is not what was kept of it.
        """
        written = self.written
        with path.open("r+b", buffering=0) as self._file:
            if path.stat().st_size < written.bytes:
                raise OutputError(f"{path}: is shorter than when the run was kept; --restart begins anew")
            self._file.truncate(written.bytes)
            self._file.seek(written.bytes)
            if not written.bytes:
                self._append(self._head)
            yield
            self._check()
        self._file = None

    def append(self, rows: Iterable[Sequence[Part]]) -> None:
        """Add rows at once, so that no kill can tear one."""
        self._append("".join([f"{self._line(row)}\n" for row in rows]))

    def sync(self) -> None:
        """See that what was written is on the disk."""
        if self._file:
            os.fsync(self._file.fileno())

    def _line(self, row: Sequence[Part]) -> str:
        return self._separator.join([text(part) for text, part in zip(self._texts, row, strict=True)])

    def _append(self, lines: str) -> None:
        """What a full disk tore is taken back."""
        self._check()
        assert self._file
        data = lines.encode("utf-8", "backslashreplace")
        added = self._file.write(data)
        if added < len(data):
            self._file.truncate(self._file.tell() - added)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.written.bytes += added

    def _check(self) -> None:
        """Make sure that what was written is still there."""
        assert self._file
        if os.fstat(self._file.fileno()).st_size != self.written.bytes:
            raise OutputError(f"{self._file.name}: was changed by another program while it was written; run again")


def _as_text(columns: Sequence[Column], dialect: Dialect) -> Callable[[Part], str]:
    """What turns the cells of one fact into text with separators."""
    separator, decimal = dialect.separator, dialect.decimal
    nothing = separator * (len(columns) - 1)
    each = [_text(column, dialect) for column in columns]
    numbers = separator.join(f"%.{column.decimals}f" for column in columns)

    def text(part: Part) -> str:
        try:
            return separator.join(
                ["" if cell is None else text(cell) for text, cell in zip(each, part or (), strict=True)]
            )
        except (TypeError, ValueError) as error:
            raise StageError(_unfit(columns, part or (), error)) from error

    def text_of_numbers(part: Part) -> str:
        """At once, where all are known and none could round to a zero with a sign."""
        try:
            quick = numbers % tuple(part or ())
        except TypeError:
            return text(part)
        return text(part) if "-0." in quick else quick.replace(".", decimal)

    quickest = text_of_numbers if all(column.type == "float" for column in columns) else text
    return lambda part: nothing if part is None else quickest(part)


def _unfit(columns: Sequence[Column], cells: Sequence[Cell], error: Exception) -> str:
    """Say which cells do not fit their columns."""
    if len(cells) != len(columns):
        return f"columns {', '.join(column.name for column in columns)}: {len(cells)} cells for {len(columns)} columns"
    for column, cell in zip(columns, cells, strict=True):
        if column.type == "float" and isinstance(cell, str):
            return f'column {column.name!r} takes numbers, not {cell!r}; its fact would say type="text"'
    return f"columns {', '.join(column.name for column in columns)}: {error}"


def _text(column: Column, dialect: Dialect) -> Callable[[Any], str]:
    """Of one cell; a number that rounds to zero has no sign."""
    if column.type == "float":
        number = f"{{:z.{column.decimals}f}}".format
        return number if dialect.decimal == "." else lambda cell: number(cell).replace(".", dialect.decimal)
    return str if column.type == "int" else partial(_cell, separator=dialect.separator)


@lru_cache(maxsize=1024)
def _cell(text: object, separator: str) -> str:
    """Quoted where needed; what a spreadsheet would run as a formula begins with an apostrophe."""
    line, text = io.StringIO(), re.sub(r"[\x00-\x1f]", " ", str(text))
    safe = f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    csv.writer(line, delimiter=separator, lineterminator="").writerow([safe])
    return line.getvalue()
