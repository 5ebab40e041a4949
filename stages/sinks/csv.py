"""Keep one row per face per frame, and beside it a page that says what each column is and what made it."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import Column
from fervid.pipeline.frame import EMOTIONS, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.output import Output, write
from fervid.pipeline.ownership import PAGE
from fervid.pipeline.provenance import provenance, standing
from fervid.pipeline.record import Run
from fervid.pipeline.roles import Writes
from fervid.pipeline.stage import Stage, register
from fervid.pipeline.table import Table
from fervid.stages.sinks.recording.lines import Dialect, Lines


@register("csv")
@dataclass(frozen=True)
class Csv(Stage):
    """One row per face per frame, with the columns of all stages in front; a frame without a face is one row.

    Rows are written whole and at once, so that even a killed run leaves only whole rows in `NAME.csv.part`.
    """

    path: Annotated[str, Writes(record=PAGE)] = "out/{name}.csv"
    """Where to write; {name} is the input's name, {time} when it was opened. What the columns mean, and what made them,
    goes to NAME.csv.json."""
    separator: Literal[",", ";", "tab"] = ","
    """What stands between two cells: Excel expects `;` where numbers have decimal commas."""
    decimal: Literal[".", ","] = "."
    """What stands before the decimals of a number."""
    bom: bool = False
    """Begin with a byte order mark, by which Excel knows that letters are UTF-8."""

    def __post_init__(self) -> None:
        if self.decimal == self.separator:
            raise ConfigError("decimal: decimal commas need another separator, such as ';'")

    def run(self, frames: Frames) -> Generator[Frame]:
        run, table = frames.run, Table(frames.facts, frames.run.title)
        lines = Lines(table, Dialect("\t" if self.separator == "tab" else self.separator, self.decimal, self.bom))
        written = frames.keep(lines.written, lines.sync)
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None and not written.bytes:
            return
        with run.output(self.path, record=PAGE) as made, lines.to(made.part):
            made.named = lambda: _describe(made, table.columns, run, written.frames)
            while frame is not None:
                lines.append(table.parts(frame))
                written.frames += 1
                yield frame
                frame = next(stream, None)


def _describe(made: Output, columns: Sequence[Column], run: Run, frames: int) -> None:
    """Lay the page beside the table, under the name that the table took."""
    assert made.final
    made_by = provenance(run)
    page = {
        **standing(run, frames, whole=made.final == made.path),
        "frames": frames,
        "labels": EMOTIONS,
        "columns": {one.name: {"meaning": one.meaning, "unit": one.unit, "type": one.type} for one in columns},
        **made_by,
    }
    final = PAGE.files(made.final)[1]
    write(final, (json.dumps(page, indent=2) + "\n").encode())
    run.outputs.append(final)
