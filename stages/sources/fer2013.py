"""Read FER2013's faces and labels from the csv as Kaggle gives it, with FER+'s votes where one has them."""

from __future__ import annotations

import csv
import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fervid.models.crop import FRAMED, box_of_face_image
from fervid.models.target import TARGET, Split, Target
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import FRAMES
from fervid.pipeline.frame import EMOTIONS, FACES, Face, Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.original import Original
from fervid.pipeline.record import Lost
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

SIDE = 48
USAGE: dict[str, Split] = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""Columns of FER+'s fer2013new.csv, in the order of Target.votes."""


@register("fer2013")
@dataclass(frozen=True)
class Fer2013(Stage):
    """Takes fer2013.csv and icml_face_data.csv; PublicTest is the validation split, PrivateTest the test split."""

    path: Annotated[Path, Reads()]
    """The csv with columns emotion, pixels and Usage, in any order."""
    votes: Path | None = None
    """FER+'s fer2013new.csv, whose rows stand in the same order: ten votes for each face."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Which faces to yield."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do at a malformed row: stop with its line, or skip and count it."""

    needs = ()
    gives = (FRAMES, TARGET, FACES)

    def run(self, frames: Frames) -> Generator[Frame]:
        source = Source(self.path.stem, SIDE, SIDE, path=self.path, original=Original(self.path))
        box, index = box_of_face_image(SIDE, SIDE), -1
        for index, (image, target) in enumerate(self._faces(frames.run.lost)):
            yield Frame(
                index, float(index), image, source, [Face(box, 1.0, known={FRAMED: True})], known={TARGET: target}
            )
        if frames.run.lost.damaged:
            log.warning("%s: %d malformed rows were skipped", self.path, frames.run.lost.damaged)
        if index < 0:
            raise InputError(f"{self.path}: holds no face" + f" of the {self.split} split" * (self.split != "all"))

    def _faces(self, lost: Lost) -> Iterator[tuple[NDArray[np.uint8], Target]]:
        """Pictures and targets of the wanted split; only their rows are parsed in full."""
        with ExitStack() as stack:
            votes = stack.enter_context(_Table(self.votes, ("Usage", *VOTES))) if self.votes else None
            table = stack.enter_context(_Table(self.path, ("emotion", "pixels", "Usage")))
            for row in table:
                opinion = next(votes, None) if votes else None
                try:
                    split = _split(row[2])
                    if self.split in ("all", split):
                        counts = _votes(opinion, row[2]) if votes else None
                        yield _image(row[1]), Target(_label(row[0]), split, counts)
                except ValueError as error:
                    if self.on_error == "stop":
                        raise InputError(f"{self.path}:{table.line}: {error}; on_error: skip passes it over") from None
                    lost.damaged += 1


class _Table:
    """Rows of a csv as the wanted columns, whatever their order and the blanks around their names."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path, self.columns = path, columns

    def __enter__(self) -> _Table:
        try:
            self.file = self.path.open(newline="", encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from error
        self.rows = csv.reader(self.file)
        names = [name.strip().lstrip("\ufeff") for name in self._row() or []]
        if missing := [name for name in self.columns if name not in names]:
            self.file.close()
            raise InputError(f"{self.path}: has no column {missing[0]}; it should have {', '.join(self.columns)}")
        self.where = [names.index(name) for name in self.columns]
        return self

    def __exit__(self, *_: Any) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row = self._row()
        if row is None:
            raise StopIteration
        return [row[place] if place < len(row) else "" for place in self.where]

    def _row(self) -> list[str] | None:
        """The next that is not blank. Behind one that is no csv, such as one whose quotes never end, there is none."""
        try:
            return next(filter(None, self.rows), None)
        except csv.Error as error:
            self.file.close()
            raise InputError(f"{self.path}:{self.line}: is no csv: {error}") from None

    @property
    def line(self) -> int:
        return self.rows.line_num


def _split(usage: str) -> Split:
    if usage not in USAGE:
        raise ValueError(f"Usage is {usage[:20]!r}, not one of {', '.join(USAGE)}")
    return USAGE[usage]


def _label(text: str) -> int:
    if not (text.isdecimal() and int(text) < len(EMOTIONS)):
        raise ValueError(f"emotion is {text[:20]!r}, not 0 to {len(EMOTIONS) - 1}")
    return int(text)


def _image(text: str) -> NDArray[np.uint8]:
    import numpy as np

    try:
        pixels = bytes(map(int, text.split()))
    except ValueError:
        raise ValueError("pixels are not all numbers from 0 to 255") from None
    if len(pixels) != SIDE * SIDE:
        raise ValueError(f"{len(pixels)} pixels, not {SIDE * SIDE}")
    grey = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE, 1)
    return np.repeat(grey, 3, axis=2)


def _votes(row: list[str] | None, usage: str) -> tuple[int, ...]:
    if row is None:
        raise ValueError("FER+ has no row for this one; it belongs to another csv")
    if row[0] != usage:
        raise ValueError(f"FER+ says {row[0][:20]!r} where this row says {usage!r}; they are not in the same order")
    if not all(count.isdecimal() for count in row[1:]):
        raise ValueError("FER+'s votes are not all whole numbers")
    return tuple(map(int, row[1:]))
