"""A label that does not flicker between two scores of nearly the same height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import EMOTIONS, UNCERTAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Label:
    """Changes when another label leads by `margin`, or has led for `hold` seconds.

    A best score below `threshold` is uncertain at once; to be certain again it must rise `margin` above the threshold,
    or stay above it for `hold` seconds.
    """

    def __init__(self, margin: float, hold: float, threshold: float) -> None:
        self._margin, self._hold, self._threshold = margin, hold, threshold
        self._shown: str | None = None
        self._waiting: tuple[str, float] | None = None

    def update(self, time: float, scores: NDArray[np.floating[Any]]) -> str:
        """Return the label to show at `time` (seconds)."""
        best = EMOTIONS[int(scores.argmax())]
        lead = float(scores.max()) - self._height(scores)
        if float(scores.max()) < self._threshold:
            self._show(UNCERTAIN)
        elif self._shown is None or best == self._shown or lead >= self._margin:
            self._show(best)
        elif self._waiting is None or self._waiting[0] != best:
            self._waiting = best, time
        elif time - self._waiting[1] >= self._hold:
            self._show(best)
        return self._shown or best

    def _height(self, scores: NDArray[np.floating[Any]]) -> float:
        """What a new label is measured against."""
        if self._shown is None or self._shown == UNCERTAIN:
            return self._threshold
        return float(scores[EMOTIONS.index(self._shown)])

    def _show(self, label: str) -> None:
        self._shown, self._waiting = label, None
