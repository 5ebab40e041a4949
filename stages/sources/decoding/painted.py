"""Planes of a video of which some parts were painted into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from fervid.pipeline.picture import Patch, Picture, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


class Painted(Picture):
    """A picture that came as planes, with patches over it that begin and end at even pixels."""

    def __init__(self, below: Picture, patches: Sequence[Patch]) -> None:
        self.below, self.patches = below, patches
        self.width, self.height = below.width, below.height

    @property
    def nbytes(self) -> int:
        return self.below.nbytes + sum(patch.image.nbytes for patch in self.patches)

    def bgr(self) -> Image:
        image = self.below.bgr().copy()
        for left, top, patch in self.patches:
            image[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
        return image

    def planes(self) -> Image | None:
        made = self.below.planes()
        if made is not None:
            luma, *colors = _split(made, self.width, self.height)
            for left, top, patch in self.patches:
                _put(luma, colors, left, top, patch)
        return made


def apart(places: Iterable[Place], width: int, height: int) -> list[Place]:
    """Places that hold all of these, as far as they lie in the picture, none over another, from even to even pixels."""
    found: list[Place] = []
    for place in filter(None, (_even(one, width, height) for one in places)):
        whole = place
        while met := [other for other in found if _meet(whole, other)]:
            found = [other for other in found if other not in met]
            lefts, tops, rights, bottoms = zip(whole, *met, strict=True)
            whole = min(lefts), min(tops), max(rights), max(bottoms)
        found.append(whole)
    return found


def _even(place: Place, width: int, height: int) -> Place | None:
    x1, y1, x2, y2 = place
    left, top = max(0, x1) // 2 * 2, max(0, y1) // 2 * 2
    right, bottom = min(width, x2 + x2 % 2), min(height, y2 + y2 % 2)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _meet(one: Place, other: Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _split(planes: Image, width: int, height: int) -> Iterator[Image]:
    """Y, U and V, as views."""
    flat, size = planes.reshape(-1), width * height
    yield flat[:size].reshape(height, width)
    yield flat[size : size * 5 // 4].reshape(height // 2, width // 2)
    yield flat[size * 5 // 4 :].reshape(height // 2, width // 2)


def _put(luma: Image, colors: Sequence[Image], left: int, top: int, patch: Image) -> None:
    import cv2

    height, width = patch.shape[:2]
    made = cast("Image", cv2.cvtColor(patch, cv2.COLOR_BGR2YUV_I420))
    part, *parts = _split(made, width, height)
    luma[top : top + height, left : left + width] = part
    for plane, color in zip(colors, parts, strict=True):
        plane[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2] = color
