"""Say whether a face can be read at all: networks name black and blurred ones as surely as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 48
"""Pixels a side at which a face is judged; a smaller one is judged as it is."""
CONTRAST = 8.0
"""Grey levels of deviation that a face must have: one at a tenth of its light has 3 to 8."""
DETAIL = 0.02
"""Variance of its Laplacian over its own variance, which light does not change: of 200 faces of FER2013's validation
split 0.16 and more; where they are blurred by 2 of 48 pixels 0.004 to 0.02, of 12 pixels 0.005 to 0.03."""
SCORE = 0.6
"""How sure the detector must be: it is of nineteen in twenty of those faces, and of half of them when half covered."""


def readable(face: NDArray[np.uint8], score: float) -> bool:
    """Whether a grey, square face that was detected with that score shows what an emotion can be read from."""
    import cv2

    if len(face) > SIDE:
        face = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    contrast = _deviation(face)
    detail = _deviation(cv2.Laplacian(face, cv2.CV_16S))  # type: ignore[arg-type]
    return score >= SCORE and contrast >= CONTRAST and detail**2 >= DETAIL * contrast**2


def _deviation(values: NDArray[np.uint8]) -> float:
    import cv2

    return float(cv2.meanStdDev(values)[1][0, 0])
