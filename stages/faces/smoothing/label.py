"""A label that does not flicker between two scores of nearly the same height."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fervid.pipeline.frame import EMOTIONS, UNCERTAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(slots=True)
class Label:
    """Changes when another label leads by `margin`, or has led for `hold` seconds.

    While the best score is below `threshold`, the label that leads is "uncertain", by what is missing.
    """

    margin: float
    hold: float
    threshold: float
    shown: str | None = None
    waiting: tuple[str, float] | None = None
    """The label that leads, and since when."""

    def update(self, time: float, scores: NDArray[np.floating[Any]]) -> str:
        """Return the label to show at `time` (seconds)."""
        leader, lead = self._leader(scores)
        if self.shown in {None, leader} or lead >= self.margin:
            self.shown, self.waiting = leader, None
        elif self.waiting is None or self.waiting[0] != leader:
            self.waiting = leader, time
        elif time - self.waiting[1] >= self.hold:
            self.shown, self.waiting = leader, None
        return self.shown or leader

    def _leader(self, scores: NDArray[np.floating[Any]]) -> tuple[str, float]:
        """The label that these scores alone would have, and how far it is ahead of the one that is shown."""
        best, top = EMOTIONS[int(scores.argmax())], float(scores.max())
        if top < self.threshold:
            return UNCERTAIN, self.threshold - top
        if self.shown is None or self.shown == UNCERTAIN:
            return best, top - self.threshold
        return best, top - float(scores[EMOTIONS.index(self.shown)])
