"""Say where a face will be: a Kalman filter over centre, height and aspect, in seconds."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import Box
from fervid.stages.faces.tracking import kalman

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

        self._state = np.append(_measure(box), np.zeros(4))
        self._covariance = np.diag(_scale(box[3] - box[1]) * np.square(MEASURED + UNKNOWN))

    def __getstate__(self) -> dict[str, Any]:
        return {"state": self._state, "covariance": self._covariance}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._state, self._covariance = kept["state"], kept["covariance"]

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
        self._state, self._covariance = kalman.predict(self._state, self._covariance, forward, disturbed)

    def update(self, box: Box, score: float = 1.0) -> None:
        """Correct the forecast by a detection. A face that is half hidden scores low, and its box is off."""
        import numpy as np

        noise = np.square(MEASURED) * _scale(self.height)[:4] / max(score, 0.1) ** DOUBT
        self._state, self._covariance = kalman.correct(self._state, self._covariance, _measure(box), noise)

    @property
    def height(self) -> float:
        return max(float(self._state[2]), 1.0)

    @property
    def box(self) -> Box:
        """Where the face is thought to be."""
        x, y, _, aspect = (float(value) for value in self._state[:4])
        half_height = self.height / 2
        half_width = half_height * max(aspect, 0.1)
        return x - half_width, y - half_height, x + half_width, y + half_height

    @property
    def sound(self) -> bool:
        """False once a number is no longer finite: the filter never recovers from one."""
        return math.isfinite(float(self._state.sum()) + float(self._covariance.sum()))


def _measure(box: Box) -> NDArray[np.float64]:
    import numpy as np

    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, y2 - y1, (x2 - x1) / (y2 - y1)], np.float64)


def _scale(height: float) -> Any:
    """Variances are given in heights, except those of the aspect."""
    return _lengths() * height**2 + (1 - _lengths())


@cache
def _lengths() -> NDArray[np.float64]:
    import numpy as np

    return np.array((1.0, 1.0, 1.0, 0.0) * 2)
