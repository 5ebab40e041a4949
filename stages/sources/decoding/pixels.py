"""From a decoded picture to the array that stages work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fervid.pipeline.picture import Size, picked

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    import numpy as np
    from numpy.typing import NDArray

SIDE = 8192
MAX_PIXELS = SIDE * SIDE
"""Of one picture; a small file can claim to be huge."""
WIDEST = 3
"""Times that a pixel may be wider than high, or higher than wide; a file that says more is not believed."""
FULL_RANGE = 2
"""FFmpeg's number for pictures whose black is 0 and not 16."""


def bgr(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """Height x width x 3, as the picture was stored, whatever its format.

    Both this and the video sink use BT.601 in limited range, whatever matrix the file names, so pixels that no stage
    changes leave as they came. swscale runs on this thread alone: with its own it waits for busy cores.
    """
    return picture.to_ndarray(format="bgr24", src_colorspace="ITU601", threads=1)  # type: ignore[return-value]


def stretched(width: int, height: int, aspect: Fraction | None) -> Size:
    """The size of a picture in square pixels, as players show it; `aspect` is the width of its own by their height.

    Its shorter side grows. Pictures that would become too large stay as they are.
    """
    if not aspect or aspect == 1 or not 1 / WIDEST <= aspect <= WIDEST:
        return width, height
    stretch = float(aspect)
    size = (round(width * stretch), height) if stretch > 1 else (width, round(height / stretch))
    return size if size[0] * size[1] <= MAX_PIXELS else (width, height)


def square(image: NDArray[np.uint8], aspect: Fraction | None) -> NDArray[np.uint8]:
    """The picture in square pixels."""
    height, width = image.shape[:2]
    size = stretched(width, height, aspect)
    return image if size == (width, height) else picked(image, size)
