"""The one table that all outputs share: a row for each face of a frame, its columns the facts of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fervid.pipeline.fact import Cell, Column, Fact
from fervid.pipeline.frame import Face, Frame

HEAD = (
    Column(
        "source", "name of the input; of several pictures, of the picture; in a batch, with its folders", type="text"
    ),
    Column("frame", "index of the frame, from 0", type="int"),
    Column("time_s", "presentation time in the container; of a live source, since its first frame", "s", decimals=6),
    Column("wall_time", "UTC time of capture, ISO 8601; live sources only", type="text"),
)
"""What every row begins with."""


Cells = Sequence[Cell]
Part = Cells | None
"""What one fact says, a cell for each of its columns; None where it is not known."""


class Table:
    """Rows of what some facts say."""

    def __init__(self, facts: Sequence[Fact[Any]], title: str | None = None) -> None:
        """`title` is what a batch calls the input."""
        shown = [fact for fact in facts if fact.columns]
        self._of_frame = [fact for fact in shown if not fact.of_faces]
        self._of_face = [fact for fact in shown if fact.of_faces]
        self._title = title
        self.groups = [HEAD, *(fact.columns for fact in (*self._of_frame, *self._of_face))]
        """The columns, those of one fact together."""
        self.columns = [column for group in self.groups for column in group]

    def rows(self, frame: Frame) -> list[list[Cell]]:
        """One row for each face; of a frame without one, a row whose cells of faces are empty."""
        return [self._joined(parts) for parts in self.parts(frame)]

    def parts(self, frame: Frame) -> list[list[Part]]:
        """The same, each row in parts that are as long as `groups`."""
        head = [self._head(frame), *_parts(self._of_frame, frame)]
        if not frame.faces:
            return [head + [None] * len(self._of_face)]
        return [head + _parts(self._of_face, face) for face in frame.faces]

    def _joined(self, parts: Sequence[Part]) -> list[Cell]:
        filled = zip(self.groups, parts, strict=True)
        return [cell for group, part in filled for cell in ((None,) * len(group) if part is None else part)]

    def _head(self, frame: Frame) -> Cells:
        wall = frame.wall_time.isoformat(timespec="milliseconds") if frame.wall_time else None
        name = self._title or frame.source.name
        if frame.name:
            name = f"{self._title}/{frame.name}" if self._title else frame.name
        return name, frame.index, frame.time, wall


def _parts(facts: Sequence[Fact[Any]], holder: Frame | Face) -> list[Part]:
    known = holder.known
    return [None if (value := fact.read(known, holder)) is None else fact.to_cells(value) for fact in facts]
