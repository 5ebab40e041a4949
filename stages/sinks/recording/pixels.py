"""From pictures of any size to the planes that an encoder takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fervid.pipeline.picture import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


def planes(picture: Picture, width: int, height: int) -> Image:
    """Y, U and V below each other in BT.601's limited range, the inverse of what the sources do.

    Those that a file holds are taken as they are. A picture of another size is fitted into `width` x `height`; where
    those are odd, the last column or row is doubled, as the encoders take only even sizes.
    """
    import cv2

    if (picture.width, picture.height) == (width, height) and (stored := picture.planes()) is not None:
        return stored
    image = picture.bgr()
    if image.shape[:2] != (height, width):
        image = _fit(image, width, height)
    if width % 2 or height % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)  # type: ignore[return-value]


def _fit(image: Image, width: int, height: int) -> Image:
    """As large as it can be, with black bars where its shape differs."""
    import cv2

    factor = min(width / image.shape[1], height / image.shape[0])
    across, down = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    inner = cv2.resize(image, (across, down), interpolation=method)
    left, top = (width - across) // 2, (height - down) // 2
    bars = (top, height - down - top, left, width - across - left)
    return cv2.copyMakeBorder(inner, *bars, cv2.BORDER_CONSTANT)  # type: ignore[return-value]
