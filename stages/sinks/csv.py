"""Keep one row per face per frame, and beside it a page that says what each column is and what made it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fervid.pipeline.errors import OutputError
from fervid.pipeline.fact import Cell, Column
from fervid.pipeline.frame import EMOTIONS, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.output import Output, partial, write
from fervid.pipeline.provenance import provenance
from fervid.pipeline.record import Run
from fervid.pipeline.roles import Writes
from fervid.pipeline.stage import Stage, register
from fervid.pipeline.table import Table


@dataclass(slots=True)
class Written:
    """How far a table is."""

    bytes: int = 0
    frames: int = 0


@register("csv")
@dataclass(frozen=True)
class Csv(Stage):
    """One row per face per frame, with the columns of all stages in front; a frame without a face is one row.

    Rows are written whole and at once, so that even a killed run leaves only whole rows in `NAME.csv.part`.
    """

    path: Annotated[str, Writes()] = "out/{name}.csv"
    """Where to write; {name} is the input's name, {time} when it was opened. What the columns mean, and what made them,
    goes to NAME.csv.json."""

    def run(self, frames: Frames) -> Generator[Frame]:
        run, table = frames.run, Table(frames.facts, frames.run.title)
        lines = Lines(table.columns)
        written = frames.keep(lines.written, lines.sync)
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None and not written.bytes:
            return
        made: Output | None = None
        try:
            with run.output(self.path) as made, lines.to(made.part):
                while frame is not None:
                    lines.append(table.rows(frame))
                    written.frames += 1
                    yield frame
                    frame = next(stream, None)
        except BaseException:
            with suppress(OutputError):
                _describe(made, table.columns, run, written.frames)
            raise
        _describe(made, table.columns, run, written.frames)


class Lines:
    """Writes rows as text, and knows how far it is."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._texts = [_text(column) for column in columns]
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
                self._append(",".join(column.name for column in self._columns) + "\n")
            yield
        self._file = None

    def append(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows at once, so that no kill can tear one."""
        self._append("".join([f"{self._line(row)}\n" for row in rows]))

    def sync(self) -> None:
        """See that what was written is on the disk."""
        if self._file:
            os.fsync(self._file.fileno())

    def _line(self, row: Sequence[Cell]) -> str:
        return ",".join(["" if cell is None else text(cell) for text, cell in zip(self._texts, row, strict=True)])

    def _append(self, lines: str) -> None:
        """What a full disk tore is taken back."""
        assert self._file
        data = lines.encode("utf-8", "backslashreplace")
        added = self._file.write(data)
        if added < len(data):
            self._file.truncate(self._file.tell() - added)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.written.bytes += added


def _text(column: Column) -> Callable[[Any], str]:
    if column.type == "float":
        return f"{{:z.{column.decimals}f}}".format
    return str if column.type == "int" else _cell


@lru_cache(maxsize=1024)
def _cell(text: object) -> str:
    """Quoted where needed; what a spreadsheet would run as a formula begins with an apostrophe."""
    line, text = io.StringIO(), re.sub(r"[\x00-\x1f]", " ", str(text))
    csv.writer(line, lineterminator="").writerow([f"'{text}" if text.startswith(("=", "+", "-", "@")) else text])
    return line.getvalue()


def _describe(made: Output | None, columns: Sequence[Column], run: Run, frames: int) -> None:
    """Lay the page beside the table, under the name that the table took."""
    if made is None or made.final is None:
        return
    page = {
        "complete": made.final == made.path and run.lost.cut is None,
        "frames": frames,
        "labels": EMOTIONS,
        "columns": {one.name: {"meaning": one.meaning, "unit": one.unit, "type": one.type} for one in columns},
        **provenance(run),
    }
    final = _page(made.final)
    write(final, (json.dumps(page, indent=2) + "\n").encode())
    run.outputs.append(final)
    if made.final == made.path:
        _page(partial(made.path)).unlink(missing_ok=True)


def _page(table: Path) -> Path:
    return table.with_name(f"{table.name}.json")
