"""Which way up a picture is meant to be seen: display matrices of videos and EXIF of pictures, in one form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

T = TypeVar("T", bound="np.generic")

TAG = 0x0112
"""Of the orientation in EXIF."""


class Orientation(NamedTuple):
    """What to do with a picture as it was stored: mirror it left to right, then turn it."""

    turns: int = 0
    """Quarter turns against the clock."""
    mirrored: bool = False


AS_STORED = Orientation()
QUARTERS = (-1, 2, 1, 0)
"""OpenCV's numbers for turns against the clock (`cv2.ROTATE_90_COUNTERCLOCKWISE`, `_180`, `_90_CLOCKWISE`)."""
EXIF = {
    2: Orientation(0, True),
    3: Orientation(2),
    4: Orientation(2, True),
    5: Orientation(1, True),
    6: Orientation(3),
    7: Orientation(3, True),
    8: Orientation(1),
}
"""By the number that EXIF gives them."""


def upright(image: NDArray[T], orientation: Orientation) -> NDArray[T]:
    """The picture as it is meant to be seen, contiguous where it is not as stored."""
    if orientation == AS_STORED:
        return image
    import cv2

    made: Any = image
    if orientation.mirrored:
        made = cv2.flip(made, 1)
    return made if not orientation.turns else cast("NDArray[T]", cv2.rotate(made, QUARTERS[orientation.turns]))


def of_video(picture: av.VideoFrame) -> Orientation | None:
    """As the matrix that travels with a decoded picture says; PyAV's `rotation` does not tell of mirrors.

    None where there is no matrix: what a stream says with one picture holds for those behind it (ITU-T H.264, D.2.27).
    """
    import numpy as np
    from av.sidedata.sidedata import Type

    try:
        matrix: Any = cast("Any", picture.side_data).get(Type.DISPLAYMATRIX)
    except ValueError:  # beside it is a kind of data that this PyAV does not know
        return Orientation(round(picture.rotation / 90) % 4)
    if matrix is None:
        return None
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32, 5))
    return of_matrix(a, b, c, d)


def of_matrix(a: int, b: int, c: int, d: int) -> Orientation:
    """The nearest one to a matrix that moves x, y to a x + c y, b x + d y (ISO/IEC 14496-12, 6.2.2; y grows down)."""
    area = a * d - b * c
    if not area:
        return AS_STORED
    side = 1 if area > 0 else -1
    return Orientation(round(-math.atan2(side * b, side * a) / (math.pi / 2)) % 4, area < 0)


def of_picture(head: Image) -> Orientation:
    """As EXIF says, in whatever format the picture is."""
    try:
        return EXIF.get(head.getexif().get(TAG, 1), AS_STORED)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError):  # EXIF that is none
        return AS_STORED
