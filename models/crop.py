"""Cut a face out of a picture the way FER2013 frames it: the one crop for training, evaluation and video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, ceil, cos, floor, hypot, sin
from typing import TYPE_CHECKING

from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import Box, Face
from fervid.pipeline.picture import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CROP_SCALE = 1.15
"""Side of the region, in sizes of the detector's box."""

CROP_UP = 0.08
"""How far the region's centre lies above the box's, in heights of the box."""

FRAMED: Fact[bool] = Fact("faces.framed", "pictures that are faces")
"""True of a face whose picture shows it and no more: its box stands for the whole picture, whatever frames others."""


@dataclass(frozen=True)
class Framing:
    """How a detector's box becomes the square that a network sees; a card keeps it."""

    scale: float = CROP_SCALE
    up: float = CROP_UP
    align: bool = True
    """Turn the eye line level where keypoints are known."""


@dataclass(frozen=True)
class Region:
    """A turned square in a picture: centre and side in pixels, angle of its upper edge in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float


def region(box: Box, keypoints: NDArray[np.float32] | None = None, framing: Framing | None = None) -> Region:
    """Return the square around a detected face that a network should see."""
    framing = framing or Framing()
    x1, y1, x2, y2 = (float(edge) for edge in box)
    size = max((x2 - x1 + y2 - y1) / 2, 1.0)
    angle = _eye_line(keypoints, size) if framing.align else 0.0
    up = framing.up * size
    return Region((x1 + x2) / 2 + up * sin(angle), (y1 + y2) / 2 - up * cos(angle), framing.scale * size, angle)


def crop(
    image: Picture | NDArray[np.uint8],
    box: Box,
    keypoints: NDArray[np.float32] | None,
    size: int,
    framing: Framing | None = None,
) -> NDArray[np.uint8]:
    """Return the face as `size` x `size` grey pixels; beyond the picture its border is repeated.

    Large faces are averaged, never picked from, so that no detail turns into a pattern.
    """
    import cv2

    picture, square = Picture.of(image), region(box, keypoints, framing)
    shrink = max(1, min(floor(square.side / size), picture.width, picture.height))
    grey, left, top = _cut(picture, square, shrink)
    if shrink > 1:
        grey = cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    over = 2 if square.side > size else 1
    turn = _matrix(square, size * over, left, top, shrink)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(grey, turn, (size * over, size * over), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if over > 1:
        face = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    return face  # type: ignore[return-value]


def crop_face(
    image: Picture | NDArray[np.uint8], face: Face, size: int, framing: Framing, zoom: float = 1.0
) -> NDArray[np.uint8]:
    """Return the face as `crop` does: framed as a card says, but for a picture that is a face already.

    `zoom` is how much wider than that the picture is seen: 0.9 is nearer.
    """
    framing = Framing() if face[FRAMED] else framing
    return crop(image, face.box, face.keypoints, size, replace(framing, scale=framing.scale * zoom))


def box_of_face_image(width: int, height: int) -> Box:
    """Return the box whose crop is the whole picture: of a picture that already is a face, as in FER2013.

    A picture that is not square is seen whole, its border repeated along the longer side.
    """
    size = max(width, height) / CROP_SCALE
    x, y = width / 2, height / 2 + CROP_UP * size
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def _eye_line(keypoints: NDArray[np.float32] | None, size: float) -> float:
    """Tilt of the eyes in radians; 0 where they are unknown or, in profile, too close to tell."""
    if keypoints is None:
        return 0.0
    (x1, y1), (x2, y2) = keypoints[:2].tolist()
    known = hypot(x2 - x1, y2 - y1) >= 0.1 * size
    return atan2(y2 - y1, x2 - x1) if known else 0.0


def _cut(picture: Picture, square: Region, shrink: int) -> tuple[NDArray[np.uint8], int, int]:
    """Grey sub-picture that holds the square, its sides multiples of `shrink`, and where it begins."""
    reach = square.side / 2 * (abs(cos(square.angle)) + abs(sin(square.angle))) + shrink
    left, right = _span(square.x, reach, picture.width, shrink)
    top, bottom = _span(square.y, reach, picture.height, shrink)
    return picture.grey(slice(top, bottom), slice(left, right)), left, top


def _span(centre: float, reach: float, length: int, step: int) -> tuple[int, int]:
    """The part of an axis within `reach` of `centre`: inside the picture, at least one step long, whole steps."""
    first = min(max(floor(centre - reach), 0), length - step)
    last = max(min(ceil(centre + reach), length), first + step)
    return first, last - (last - first) % step


def _matrix(square: Region, pixels: int, left: int, top: int, shrink: int) -> NDArray[np.float64]:
    """Affine map from pixels of the crop to pixels of the shrunk cut; both count from pixel centres."""
    import numpy as np

    step = square.side / pixels
    c, s = step * cos(square.angle), step * sin(square.angle)
    start = (1 - pixels) / 2
    x = (square.x + (c - s) * start - left) / shrink - 0.5
    y = (square.y + (s + c) * start - top) / shrink - 0.5
    return np.array([[c / shrink, -s / shrink, x], [s / shrink, c / shrink, y]])
