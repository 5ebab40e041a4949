"""Tell two faces apart that meet: a face's colours on a coarse grid, cheap enough for every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from fervid.pipeline.frame import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Look: TypeAlias = "NDArray[np.float32]"

GRID = 6
SAMPLES = 24
"""Rows and columns of pixels that are read: the cost does not depend on the size of the face."""


def look(image: NDArray[np.uint8], box: Box) -> Look | None:
    """GRID x GRID mean colours (BGR, 0 to 255) of the middle of the box; None if nothing of it is in the picture."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    margin_x, margin_y = (x2 - x1) / 10, (y2 - y1) / 10
    columns = np.linspace(x1 + margin_x, x2 - margin_x, SAMPLES)
    rows = np.linspace(y1 + margin_y, y2 - margin_y, SAMPLES)
    if columns[-1] < 0 or rows[-1] < 0 or columns[0] >= width or rows[0] >= height:
        return None
    x, y = columns.clip(0, width - 1).astype(int), rows.clip(0, height - 1).astype(int)
    return np.asarray(cv2.resize(image[y[:, None], x], (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)


def difference(a: Look | None, b: Look | None) -> float:
    """Root mean square in grey levels; 0 where either is unknown."""
    import numpy as np

    return 0.0 if a is None or b is None else float(np.sqrt(np.mean(np.square(a - b))))
