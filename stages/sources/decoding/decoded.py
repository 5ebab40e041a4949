"""What a decoder gave: small copies and parts come straight from its planes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

from fervid.pipeline.picture import ALL, Patch, Picture, Pixels, Place, Size, picked
from fervid.stages.sources.decoding.orientation import AS_STORED, Orientation, upright
from fervid.stages.sources.decoding.painted import Painted, apart
from fervid.stages.sources.decoding.pixels import FULL_RANGE, bgr, square, stretched

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    import numpy as np
    from av.video.reformatter import VideoReformatter
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

LUMA_FIRST = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12"}
"""FFmpeg's names of formats whose first plane is 8-bit luma."""
BLACK, WHITE = 16, 235
"""Luma of both in BT.601's limited range."""


class Decoded(Picture):
    """A decoded picture, upright and in square pixels; `aspect` is how wide its own are, by their height."""

    def __init__(self, picture: av.VideoFrame, aspect: Fraction | None, orientation: Orientation) -> None:
        self._picture, self._aspect, self._orientation = picture, aspect, orientation
        self._stored = stretched(picture.width, picture.height, aspect)
        self.width, self.height = self._stored[::-1] if orientation.turns % 2 else self._stored

    @property
    def nbytes(self) -> int:
        made = vars(self).get("_pixels")
        return sum(plane.buffer_size for plane in self._picture.planes) + (made.nbytes if made else 0)

    @cached_property
    def _pixels(self) -> Pixels:
        return Pixels(upright(square(bgr(self._picture), self._aspect), self._orientation))

    @cached_property
    def _as_stored(self) -> bool:
        return self._orientation == AS_STORED and self._stored == (self._picture.width, self._picture.height)

    @cached_property
    def _usual(self) -> bool:
        """Whether it is what most files hold: 4:2:0 of 8 bits in limited range, upright, of even size."""
        of = self._picture
        even = of.width % 2 == of.height % 2 == 0
        return self._as_stored and of.format.name == "yuv420p" and of.color_range != FULL_RANGE and even

    @cached_property
    def _luma(self) -> Image | None:
        """Height x width of the first plane, where that is what is seen."""
        of = self._picture
        if of.format.name not in LUMA_FIRST or self._stored != (of.width, of.height):
            return None
        return upright(self._plane(0), self._orientation)

    def _plane(self, number: int) -> Image:
        import numpy as np

        plane = self._picture.planes[number]
        whole: Image = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return whole[:, : plane.width]

    def bgr(self) -> Image:
        return self._pixels.image

    def part(self, rows: slice, columns: slice) -> Image:
        if not self._usual:
            return self._pixels.part(rows, columns)
        first, left = rows.start // 2 * 2, columns.start // 2 * 2
        half = slice(first // 2, -(-rows.stop // 2)), slice(left // 2, -(-columns.stop // 2))
        luma = self._plane(0)[first : 2 * half[0].stop, left : 2 * half[1].stop]
        made = _converted(luma, self._plane(1)[half], self._plane(2)[half])
        return made[rows.start - first : rows.stop - first, columns.start - left : columns.stop - left]

    def points(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Image:
        if not self._usual:
            return self._pixels.points(rows, columns)
        import numpy as np

        luma = self._plane(0)[rows[:, None], columns].repeat(2, 0).repeat(2, 1)
        half = np.ix_(rows // 2, columns // 2)
        return _converted(luma, self._plane(1)[half], self._plane(2)[half])[::2, ::2]

    def grey(self, rows: slice = ALL, columns: slice = ALL, size: Size | None = None) -> Image:
        luma = self._luma
        if luma is None:
            return self._pixels.grey(rows, columns, size)
        part = picked(luma[rows, columns], size)
        full = self._picture.color_range == FULL_RANGE or "j" in self._picture.format.name
        return part if full else _widened(part)

    def small(self, width: int, height: int) -> Image:
        if width >= self.width:
            return self._pixels.small(width, height)
        size = (height, width) if self._orientation.turns % 2 else (width, height)
        return upright(_scaled(self._picture, *size), self._orientation)

    def planes(self) -> Image | None:
        return cast("Image", self._picture.to_ndarray()) if self._usual else None

    def opened(self, places: Sequence[Place]) -> tuple[Picture, list[Patch]]:
        if not self._usual:
            return super().opened(places)
        found = apart(places, self.width, self.height)
        patches = [Patch(x1, y1, self.part(slice(y1, y2), slice(x1, x2))) for x1, y1, x2, y2 in found]
        return Painted(self, patches), patches


def _converted(luma: Image, blue: Image, red: Image) -> Image:
    """BGR of planes of which the others are half as wide and high as the first."""
    import cv2
    import numpy as np

    height, width = luma.shape
    planes = np.concatenate((luma.ravel(), blue.ravel(), red.ravel())).reshape(height * 3 // 2, width)
    return cast("Image", cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))


def _widened(luma: Image) -> Image:
    """Luma of the limited range as grey values from 0 to 255."""
    import cv2

    scale = 255 / (WHITE - BLACK)
    return cast("Image", cv2.convertScaleAbs(cv2.max(luma, BLACK), alpha=scale, beta=-BLACK * scale))  # type: ignore[call-overload]


class _Scaler(threading.local):
    """One for each thread: swscale's tables are kept from picture to picture."""

    reformatter: VideoReformatter | None = None


_scaler = _Scaler()


def _scaled(picture: av.VideoFrame, width: int, height: int) -> Image:
    """The means of a picture's pixels, in RGB, on this thread alone; colours are read as `bgr` reads them.

    By way of planes of green, blue and red, which swscale rounds, where it cuts off fractions of packed pixels.
    """
    from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

    _scaler.reformatter = _scaler.reformatter or VideoReformatter()
    made = _scaler.reformatter.reformat(
        picture, width, height, "gbrp", src_colorspace=Colorspace.ITU601, interpolation=Interpolation.AREA, threads=1
    )
    return cast("Image", made.to_ndarray())
