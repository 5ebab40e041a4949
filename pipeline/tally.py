"""Count what a run finds, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from fervid.pipeline.fact import Cell, Column, Fact
from fervid.pipeline.frame import Frame


@dataclass(slots=True)
class Numbers:
    """How many there were, their sum, the least and the greatest."""

    count: int = 0
    total: float = 0.0
    least: float = inf
    most: float = -inf

    def add(self, value: float) -> None:
        """Count one."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass
class Tally:
    """What is counted while frames go by."""

    frames: int = 0
    faces: int = 0
    tracks: set[int] = field(default_factory=set)
    texts: dict[str, Counter[str]] = field(default_factory=dict)
    """Of each column of words that facts sum up, how often each was there."""
    numbers: dict[str, Numbers] = field(default_factory=dict)
    """The same of numbers."""

    def add(self, frame: Frame, facts: Iterable[Fact[Any]] = ()) -> None:
        """Count a frame, the faces in it and what is known of them."""
        self.frames += 1
        self.faces += len(frame.faces)
        for face in frame.faces:
            if face.track is not None:
                self.tracks.add(face.track)
        for fact in facts:
            for holder in frame.faces if fact.of_faces else (frame,):
                value = holder[fact]
                if value is not None:
                    self._add(fact, value)

    def _add(self, fact: Fact[Any], value: Any) -> None:
        for column, cell in zip(fact.columns, fact.to_cells(value), strict=True):
            if column.summed_up and cell is not None:
                self._count(column, cell)

    def _count(self, column: Column, cell: Cell) -> None:
        if isinstance(cell, str):
            self.texts.setdefault(column.name, Counter())[cell] += 1
        elif cell is not None and cell == cell:
            self.numbers.setdefault(column.name, Numbers()).add(float(cell))


def summed_up(facts: Iterable[Fact[Any]]) -> list[Fact[Any]]:
    """Those of which the summary tells something."""
    return [fact for fact in facts if any(column.summed_up for column in fact.columns)]


def number(count: int, one: str, many: str | None = None) -> str:
    """`1 frame`, `2 frames`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def pace(count: float, seconds: float) -> str:
    """`24 a second`, `0.3 a second`."""
    rate = count / seconds
    return f"{f'{rate:.1f}'.removesuffix('.0') if rate < 9.95 else f'{rate:.0f}'} a second"


def share(part: float, whole: float) -> str:
    """`30%`; what is not nothing is not called 0%, nor all what is not."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.5:
        return "<1%"
    return ">99%" if 99.5 <= percent < 100 else f"{percent:.0f}%"
