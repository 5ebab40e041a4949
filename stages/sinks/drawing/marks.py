"""What is painted over a picture, piece by piece, so that only the parts below are turned into colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fervid.pipeline.frame import Frame
from fervid.pipeline.picture import Place
from fervid.stages.sinks.drawing.sprite import Sprite, paste

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


class Mark(Protocol):
    """Something that can be painted."""

    @property
    def place(self) -> Place:
        """What it covers; may reach beyond the picture."""

    def paint(self, image: Image, left: int, top: int) -> None:
        """Into a part of the picture that begins there and holds all of the place that lies in the picture."""


@dataclass(frozen=True)
class Pasted:
    """A sprite."""

    place: Place
    sprite: Sprite

    def paint(self, image: Image, left: int, top: int) -> None:
        paste(image, self.sprite, self.place[0] - left, self.place[1] - top)


def paint(frame: Frame, marks: Sequence[Mark]) -> None:
    """One after the other."""
    patches = frame.opened([mark.place for mark in marks])
    for mark in marks:
        x1, y1, x2, y2 = mark.place
        for left, top, image in patches:
            height, width = image.shape[:2]
            if x1 < left + width and left < x2 and y1 < top + height and top < y2:
                mark.paint(image, left, top)


def moved(place: Place, left: int, top: int) -> Place:
    """As seen from there."""
    x1, y1, x2, y2 = place
    return x1 - left, y1 - top, x2 - left, y2 - top
