"""A box that can be seen on any background, and the points of a face."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from fervid.pipeline.picture import Place
from fervid.stages.sinks.drawing.colors import DARK, Color
from fervid.stages.sinks.drawing.marks import moved
from fervid.stages.sinks.drawing.sprite import FINE, Sprite, paste

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

DARKER, DOT = 0.22, 0.15
"""Radius of a point with its dark edge, and without, in sizes of the text."""
SHADE = 0.5
"""How much of the picture shows through the dark edge of a line."""


@dataclass(frozen=True)
class Outline:
    """A box with round corners, of dashes if asked; every line has a dark edge."""

    box: Place
    color: Color
    size: int
    """Of the text."""
    dashed: bool

    @property
    def edge(self) -> int:
        """Pixels of the dark edge."""
        return max(1, self.size // 16)

    @property
    def place(self) -> Place:
        (x1, y1, x2, y2), edge = self.box, self.edge
        return x1 - edge, y1 - edge, x2 + edge, y2 + edge

    def paint(self, image: Image, left: int, top: int) -> None:
        size, edge, (x1, y1, x2, y2) = self.size, self.edge, moved(self.box, left, top)
        thick, dash = max(2, round(size / 7)), max(4, round(size * 0.6)) if self.dashed else 0
        turn = min(round(size * 0.7), (x2 - x1) // 2, (y2 - y1) // 2)
        if turn <= thick:
            return
        for line in ((x1 + turn, y1, x2 - turn, y1 + thick), (x1 + turn, y2 - thick, x2 - turn, y2)):
            _line(image, line, self.color, (0, edge), dash)
        for line in ((x1, y1 + turn, x1 + thick, y2 - turn), (x2 - thick, y1 + turn, x2, y2 - turn)):
            _line(image, line, self.color, (edge, 0), dash)
        reach = turn + edge
        for number, (x, y) in enumerate(((x1, y1), (x2, y1), (x2, y2), (x1, y2))):
            across, down = (-edge, -turn)[number in (1, 2)], (-edge, -turn)[number in (2, 3)]
            paste(image, _corner(reach, thick, edge, self.color, number), x + across, y + down)


@dataclass(frozen=True)
class Dots:
    """The points of a face."""

    points: NDArray[np.float32]
    color: Color
    size: int
    """Of the text."""

    @property
    def place(self) -> Place:
        reach = math.ceil(self.size * DARKER) + 2
        (x1, y1), (x2, y2) = self.points.min(0).tolist(), self.points.max(0).tolist()
        return math.floor(x1) - reach, math.floor(y1) - reach, math.ceil(x2) + reach, math.ceil(y2) + reach

    def paint(self, image: Image, left: int, top: int) -> None:
        import cv2

        for x, y in self.points.tolist():
            center = (round((x - left) * FINE), round((y - top) * FINE))
            for radius, tint in ((self.size * DARKER, DARK), (self.size * DOT, self.color)):
                cv2.circle(image, center, round(radius * FINE), tint, -1, cv2.LINE_AA, FINE.bit_length() - 1)


def _line(image: Image, line: Place, color: Color, edge: tuple[int, int], dash: int) -> None:
    for x1, y1, x2, y2 in _dashes(line, dash) if dash else (line,):
        _shade(image, (x1 - edge[0], y1 - edge[1], x2 + edge[0], y2 + edge[1]))
        image[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = color


def _dashes(line: Place, dash: int) -> Iterator[Place]:
    """As many dashes as gaps, beginning and ending with half a gap, so that the corners stand alone."""
    x1, y1, x2, y2 = line
    length, flat = max(x2 - x1, y2 - y1), x2 - x1 > y2 - y1
    count = max(1, round(length / (2 * dash)))
    for number in range(count):
        begin, end = (round(length * (4 * number + part) / (4 * count)) for part in (1, 3))
        yield (x1 + begin, y1, x1 + end, y2) if flat else (x1, y1 + begin, x2, y1 + end)


def _shade(image: Image, place: Place) -> None:
    import cv2

    x1, y1, x2, y2 = (max(0, side) for side in place)
    below = image[y1:y2, x1:x2]
    if below.size:
        cv2.convertScaleAbs(below, below, SHADE)


@lru_cache(maxsize=128)
def _corner(reach: int, thick: int, edge: int, color: Color, quarter: int) -> Sprite:
    """A quarter of a ring with its dark edge, turned by so many quarters."""
    import cv2
    import numpy as np

    def ring(outer: int, inner: int) -> NDArray[np.float64]:
        large = np.zeros((reach * FINE, reach * FINE), np.uint8)
        center = (reach * FINE, reach * FINE)
        cv2.circle(large, center, outer * FINE, (255,), -1)
        cv2.circle(large, center, inner * FINE, (0,), -1)
        small = cv2.resize(large, (reach, reach), interpolation=cv2.INTER_AREA)
        return np.rot90(small, -quarter)[:, :, None] / 255

    line, dark = ring(reach - edge, reach - edge - thick), ring(reach, max(0, reach - thick - 2 * edge))
    keep = (1 - dark * (1 - SHADE)) * (1 - line)
    ink = np.rint(line * np.array(color)).astype(np.uint8)
    return Sprite(ink, np.ascontiguousarray(np.rint(np.repeat(keep, 3, axis=2) * 255).astype(np.uint8)))
