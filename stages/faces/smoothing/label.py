"""A label that does not flicker between two scores of nearly the same height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import EMOTIONS, UNCERTAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Label:
    """Changes when another label leads by `margin`, or has led for `hold` seconds.

    While the best score is below `threshold`, the label that leads is "uncertain", by what is missing.
    """

    def __init__(self, margin: float, hold: float, threshold: float) -> None:
        self._margin, self._hold, self._threshold = margin, hold, threshold
        self._shown: str | None = None
        self._waiting: tuple[str, float] | None = None

    def update(self, time: float, scores: NDArray[np.floating[Any]]) -> str:
        """Return the label to show at `time` (seconds)."""
        leader, lead = self._leader(scores)
        if self._shown in {None, leader} or lead >= self._margin:
            self._shown, self._waiting = leader, None
        elif self._waiting is None or self._waiting[0] != leader:
            self._waiting = leader, time
        elif time - self._waiting[1] >= self._hold:
            self._shown, self._waiting = leader, None
        return self._shown or leader

    def _leader(self, scores: NDArray[np.floating[Any]]) -> tuple[str, float]:
        """The label that these scores alone would have, and how far it is ahead of the one that is shown."""
        best, top = EMOTIONS[int(scores.argmax())], float(scores.max())
        if top < self._threshold:
            return UNCERTAIN, self._threshold - top
        if self._shown is None or self._shown == UNCERTAIN:
            return best, top - self._threshold
        return best, top - float(scores[EMOTIONS.index(self._shown)])
