"""What a decoder gave: small copies and parts come straight from its planes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, cast

from fervid.pipeline.picture import ALL, Patch, Picture, Place, Size, picked
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

BITS = {
    "yuv420p": 8,
    "yuv420p10le": 10,
    "yuv420p12le": 12,
    "yuv422p": 8,
    "yuv422p10le": 10,
    "yuv444p": 8,
    "yuv444p10le": 10,
    "yuvj420p": 8,
    "yuvj422p": 8,
    "yuvj444p": 8,
    "nv12": 8,
}
"""FFmpeg's names of formats whose first plane is luma, and how many bits it has."""
BLACK, WHITE = 16, 235
"""Luma of both in BT.601's limited range, of 8 bits."""


class Decoded(Picture):
    """A decoded picture, upright and in square pixels; `aspect` is how wide its own are, by their height."""

    def __init__(
        self, picture: av.VideoFrame, aspect: Fraction | None = None, orientation: Orientation = AS_STORED
    ) -> None:
        self._picture, self._aspect, self._orientation = picture, aspect, orientation
        self._stored = stretched(picture.width, picture.height, aspect)
        self.width, self.height = self._stored[::-1] if orientation.turns % 2 else self._stored

    @property
    def nbytes(self) -> int:
        made = vars(self).get("_image")
        return sum(plane.buffer_size for plane in self._picture.planes) + (0 if made is None else made.nbytes)

    @cached_property
    def _image(self) -> Image:
        stored = self.planes()
        if stored is None:
            return upright(square(bgr(self._picture), self._aspect), self._orientation)
        import cv2

        return cast("Image", cv2.cvtColor(stored, cv2.COLOR_YUV2BGR_I420))

    @cached_property
    def _bits(self) -> int:
        """Of luma, where the first plane shows what is seen; or 0."""
        square_pixels = self._stored == (self._picture.width, self._picture.height)
        return BITS.get(self._picture.format.name, 0) if square_pixels else 0

    @cached_property
    def _full(self) -> bool:
        """Whether its black is 0."""
        return self._picture.color_range == FULL_RANGE or self._picture.format.name.startswith("yuvj")

    @cached_property
    def _usual(self) -> bool:
        """Whether it is what most files hold: 4:2:0 in limited range, in square pixels, of even size."""
        even = self.width % 2 == self.height % 2 == 0
        return bool(self._bits) and self._picture.format.name.startswith("yuv420p") and not self._full and even

    @cached_property
    def _planes(self) -> list[NDArray[Any]]:
        """Upright; uint8, or uint16 of more bits."""
        count = 3 if self._usual else 1
        return [upright(self._plane(number), self._orientation) for number in range(count)]

    def _plane(self, number: int) -> NDArray[Any]:
        import numpy as np

        plane, kind = self._picture.planes[number], np.dtype(np.uint8 if self._bits == 8 else "<u2")
        whole = np.frombuffer(memoryview(plane), kind).reshape(plane.height, plane.line_size // kind.itemsize)
        return whole[:, : plane.width]

    def _eight(self, part: NDArray[Any]) -> Image:
        """In 8 bits."""
        import cv2

        return part if self._bits == 8 else cast("Image", cv2.convertScaleAbs(part, alpha=2.0 ** (8 - self._bits)))

    def bgr(self) -> Image:
        return self._image

    def part(self, rows: slice, columns: slice) -> Image:
        if not self._usual:
            return super().part(rows, columns)
        first, left = rows.start // 2 * 2, columns.start // 2 * 2
        half = slice(first // 2, -(-rows.stop // 2)), slice(left // 2, -(-columns.stop // 2))
        luma, *colors = self._planes
        made = self._converted(luma[first : 2 * half[0].stop, left : 2 * half[1].stop], *(one[half] for one in colors))
        return made[rows.start - first : rows.stop - first, columns.start - left : columns.stop - left]

    def points(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Image:
        if not self._usual:
            return super().points(rows, columns)
        luma, *colors = self._planes
        four = luma[rows[:, None], columns].repeat(2, 0).repeat(2, 1)
        return self._converted(four, *(one[rows[:, None] // 2, columns // 2] for one in colors))[::2, ::2]

    def grey(self, rows: slice = ALL, columns: slice = ALL, size: Size | None = None) -> Image:
        if not self._bits:
            return super().grey(rows, columns, size)
        part = self._eight(picked(self._planes[0][rows, columns], size))
        return part if self._full else _widened(part)

    def small(self, width: int, height: int) -> Image:
        if width >= self.width:
            return super().small(width, height)
        size = (height, width) if self._orientation.turns % 2 else (width, height)
        return upright(_scaled(self._picture, *size), self._orientation)

    def planes(self) -> Image | None:
        if not self._usual:
            return None
        if self._orientation == AS_STORED and self._bits == 8:
            return cast("Image", self._picture.to_ndarray())
        return self._below_each_other(*self._planes)

    def _converted(self, *planes: NDArray[Any]) -> Image:
        """BGR of luma and of two planes half as wide and high."""
        import cv2

        return cast("Image", cv2.cvtColor(self._below_each_other(*planes), cv2.COLOR_YUV2BGR_I420))

    def _below_each_other(self, *planes: NDArray[Any]) -> Image:
        import numpy as np

        height, width = planes[0].shape
        flat: Image = np.concatenate([self._eight(plane).ravel() for plane in planes])
        return flat.reshape(height * 3 // 2, width)

    def opened(self, places: Sequence[Place]) -> tuple[Picture, list[Patch]]:
        if not self._usual:
            return super().opened(places)
        found = apart(places, self.width, self.height)
        patches = [Patch(x1, y1, self.part(slice(y1, y2), slice(x1, x2))) for x1, y1, x2, y2 in found]
        return Painted(self, patches), patches


def _widened(luma: Image) -> Image:
    """Luma of the limited range as grey values from 0 to 255."""
    import cv2

    return cast("Image", cv2.LUT(luma, _grey_values()))


@cache
def _grey_values() -> Image:
    import numpy as np

    values: NDArray[np.floating[Any]] = (np.arange(256) - BLACK) * 255 / (WHITE - BLACK)
    made: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return made


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
