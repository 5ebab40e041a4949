"""The one table that all outputs share: a row for each face of a frame, its columns the facts of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fervid.pipeline.fact import Cell, Column, Fact, columns
from fervid.pipeline.frame import Frame

HEAD = (
    Column(
        "source", "name of the input; of several pictures, of the picture; in a batch, with its folders", type="text"
    ),
    Column("frame", "index of the frame, from 0", type="int"),
    Column("time_s", "presentation time in the container; of a live source, since its first frame", "s", decimals=6),
    Column("wall_time", "UTC time of capture, ISO 8601; live sources only", type="text"),
)
"""What every row begins with."""


class Table:
    """Rows of what some facts say."""

    def __init__(self, facts: Sequence[Fact[Any]], title: str | None = None) -> None:
        """`title` is what a batch calls the input."""
        shown = [fact for fact in facts if fact.columns]
        self._of_frame = [fact for fact in shown if not fact.of_faces]
        self._of_face = [fact for fact in shown if fact.of_faces]
        self._title = title
        self.columns = [*HEAD, *columns(self._of_frame), *columns(self._of_face)]
        self._nothing = [(None,) * len(fact.columns) for fact in self._of_face]

    def rows(self, frame: Frame) -> list[list[Cell]]:
        """One row for each face; of a frame without one, a row whose cells of faces are empty."""
        head = [*self._head(frame), *_cells(self._of_frame, frame)]
        if not frame.faces:
            return [head + [cell for cells in self._nothing for cell in cells]]
        return [head + _cells(self._of_face, face) for face in frame.faces]

    def _head(self, frame: Frame) -> list[Cell]:
        wall = frame.wall_time.isoformat(timespec="milliseconds") if frame.wall_time else None
        title = self._title if frame.name else self._title or frame.source.name
        name = "/".join(filter(None, (title, frame.name)))
        return [name, frame.index, frame.time, wall]


def _cells(facts: Sequence[Fact[Any]], holder: Any) -> list[Cell]:
    cells: list[Cell] = []
    for fact in facts:
        value = holder[fact]
        cells += (None,) * len(fact.columns) if value is None else fact.to_cells(value)
    return cells
