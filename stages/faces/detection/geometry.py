"""Faces and boxes on their way between a picture and its copies and parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Box, Face
from fervid.pipeline.picture import Picture, resized

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

SAME = 0.5
"""Two boxes that share this part of the smaller one are one face: the short range draws small faces too large."""


def moved(face: Face, scale: float, by: tuple[float, float] = (0, 0), unit: tuple[float, float] = (1, 1)) -> Face:
    """A face in other coordinates: times `scale`, then moved, then in units of a width and a height."""
    import numpy as np

    (dx, dy), (width, height) = by, unit
    x1, y1, x2, y2 = face.box
    box = (x1 * scale + dx) / width, (y1 * scale + dy) / height, (x2 * scale + dx) / width, (y2 * scale + dy) / height
    points = face.keypoints
    if points is not None:
        points = ((points * scale + by) / unit).astype(np.float32)
    return replace(face, box=box, keypoints=points)


FAR_SMALLER = 3.0
"""No two boxes of one face differ so many times in width."""


def same(one: Face, other: Face) -> bool:
    """Whether two boxes are so much in each other that they can only be one face."""
    return _inside(one, other) and _width(one) < FAR_SMALLER * _width(other) < FAR_SMALLER**2 * _width(one)


def holds(one: Face, other: Face) -> bool:
    """Whether a face lies in the box of another and is so much smaller that the box is around a group of people."""
    return _inside(one, other) and _width(one) >= FAR_SMALLER * _width(other)


def _inside(one: Face, other: Face) -> bool:
    a, b = one.box, other.box
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return min(width, height) > 0 and width * height >= SAME * smaller


def _width(face: Face) -> float:
    return face.box[2] - face.box[0]


def close_up(picture: Picture, box: Box, zoom: float, side: int) -> tuple[Image, float, tuple[float, float]] | None:
    """A square around a box and `zoom` times as wide, brought to `side` pixels, in RGB; None outside of the picture.

    With it, what brings places in it back: a factor, then an offset. Beyond the picture's edges the last pixels are
    repeated: a face that is cut by an edge is found far better so than on black.
    """
    import cv2

    x1, y1, x2, y2 = box
    size = max(2, round(zoom * max(x2 - x1, y2 - y1)))
    left, top = round((x1 + x2 - size) / 2), round((y1 + y2 - size) / 2)
    height, width = picture.height, picture.width
    rows, columns = slice(max(0, top), min(top + size, height)), slice(max(0, left), min(left + size, width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    part = picture.part(rows, columns)
    beyond = max(0, -top), max(0, top + size - height), max(0, -left), max(0, left + size - width)
    if any(beyond):
        part = cv2.copyMakeBorder(part, *beyond, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    small = cv2.cvtColor(resized(part, side, side), cv2.COLOR_BGR2RGB)
    return small, size / side, (left, top)  # type: ignore[return-value]


def centre(face: Face) -> tuple[float, float]:
    """Of its box."""
    x1, y1, x2, y2 = face.box
    return (x1 + x2) / 2, (y1 + y2) / 2


def beside(one: Face, other: Face, reach: float, ratio: float) -> bool:
    """Whether centres are at most `reach` widths of the other apart, and widths differ by less than `ratio` times."""
    (ax, ay), (bx, by) = centre(one), centre(other)
    width = _width(other)
    alike = _width(one) < ratio * width < ratio**2 * _width(one)
    return alike and max(abs(ax - bx), abs(ay - by)) <= reach * width
