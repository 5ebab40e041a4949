"""Say where a face will be: a Kalman filter over centre, height and aspect, in seconds."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEASURED = (0.03, 0.03, 0.04, 0.03)
"""How far a detection of cx, cy, height (in heights) and aspect is off: one standard deviation."""
AGILITY = (0.7, 0.7, 0.2, 0.05)
"""How much the velocity of each changes in a second (per square root of one), in heights and aspects."""
UNKNOWN = (1.0, 1.0, 0.3, 0.05)
"""How fast each may be moving when a face is first seen, per second."""
HALF_LIFE = (4.0, 4.0, 0.3, 0.3)
"""Seconds until half of a velocity is forgotten: a hidden face walks on, but does not go on growing."""
DOUBT = 4
"""The variance of a detection grows with this power of 1 / score."""
PLACE, SPEED = (0, 1, 2, 3), (4, 5, 6, 7)
"""Indices into the state."""


class Motion:
    """Constant velocity, disturbed by white noise, so that the forecast does not depend on the frame rate.

    The state is cx, cy, height, aspect (width / height), then their velocities a second.
    """

    def __init__(self, box: Box) -> None:
        import numpy as np
        from filterpy.kalman import KalmanFilter

        height = box[3] - box[1]
        self._filter = KalmanFilter(dim_x=8, dim_z=4)
        self._filter.inv = _inverse
        self._filter.x[:4, 0] = _measure(box)
        self._filter.H = np.eye(4, 8)
        self._filter.P = np.diag(_scale(height) * np.square(MEASURED + UNKNOWN))

    def __getstate__(self) -> dict[str, Any]:
        return {"state": self._filter.x, "covariance": self._filter.P}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__init__((0.0, 0.0, 1.0, 1.0))  # type: ignore[misc]
        self._filter.x, self._filter.P = kept["state"], kept["covariance"]

    def predict(self, seconds: float) -> None:
        """Move on by some seconds, at least 0."""
        import numpy as np

        kept = np.exp2(-seconds / np.array(HALF_LIFE))
        noise = np.square(AGILITY) * _scale(self.height)[:4]
        forward, disturbed = np.eye(8), np.zeros((8, 8))
        forward[PLACE, SPEED] = (1 - kept) * HALF_LIFE / math.log(2)
        forward[SPEED, SPEED] = kept
        disturbed[PLACE, PLACE] = noise * seconds**3 / 3
        disturbed[PLACE, SPEED] = disturbed[SPEED, PLACE] = noise * seconds**2 / 2
        disturbed[SPEED, SPEED] = noise * seconds
        self._filter.predict(F=forward, Q=disturbed)

    def update(self, box: Box, score: float = 1.0) -> None:
        """Correct the forecast by a detection. A face that is half hidden scores low, and its box is off."""
        import numpy as np

        doubt = 1 / max(score, 0.1) ** DOUBT
        self._filter.update(_measure(box), R=np.diag(np.square(MEASURED) * _scale(self.height)[:4]) * doubt)

    @property
    def height(self) -> float:
        return max(float(self._filter.x[2, 0]), 1.0)

    @property
    def box(self) -> Box:
        """Where the face is thought to be."""
        x, y, _, aspect = (float(value) for value in self._filter.x[:4, 0])
        half_height = self.height / 2
        half_width = half_height * max(aspect, 0.1)
        return x - half_width, y - half_height, x + half_width, y + half_height

    @property
    def sound(self) -> bool:
        """False once a number is no longer finite: the filter never recovers from one."""
        return math.isfinite(float(self._filter.x.sum()) + float(self._filter.P.sum()))


def _inverse(matrix: Any) -> Any:
    """Of a diagonal matrix, as the four numbers never mix; LAPACK would wake threads for so small a one."""
    import numpy as np

    return np.diag(1 / np.diag(matrix))


def _measure(box: Box) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2, (y1 + y2) / 2, y2 - y1, (x2 - x1) / (y2 - y1)


def _scale(height: float) -> Any:
    """Variances are given in heights, except those of the aspect."""
    return _lengths() * height**2 + (1 - _lengths())


@cache
def _lengths() -> NDArray[np.float64]:
    import numpy as np

    return np.array((1.0, 1.0, 1.0, 0.0) * 2)
