"""Filters that look back only: what live video can use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

SPEED_CUTOFF = 1.0
"""Hz; how far the one-euro filter steadies its own measure of speed, as its authors recommend."""


class Filter(Protocol):
    """Takes the scores of one face in order of time."""

    def update(self, time: float, scores: Scores) -> Scores:
        """Return the steadied scores at `time` (seconds)."""
        ...


@dataclass(slots=True)
class Average:
    """Exponential average over time: what an old score counts halves with every half-life (seconds)."""

    half_life: float
    last: tuple[float, Scores] | None = None

    def update(self, time: float, scores: Scores) -> Scores:
        if self.last is not None:
            before, value = self.last
            scores = scores + (value - scores) * 0.5 ** (max(0.0, time - before) / self.half_life)
        self.last = time, scores
        return scores


@dataclass(slots=True)
class OneEuro:
    """Follows fast changes at once and holds slow ones still (Casiez, Roussel and Vogel 2012).

    All scores of a face share the cutoff of the fastest one, so that they still add up to 1.
    """

    half_life: float
    beta: float
    last: tuple[float, Scores, Scores, Scores] | None = None

    def update(self, time: float, scores: Scores) -> Scores:
        if self.last is None:
            self.last = time, scores, scores, scores * 0
            return scores
        before, raw, value, speed = self.last
        step = time - before
        if step <= 0:
            return value
        speed = speed + _weight(SPEED_CUTOFF, step) * ((scores - raw) / step - speed)
        cutoff = math.log(2) / (2 * math.pi * self.half_life) + self.beta * float(abs(speed).max())
        value = value + _weight(cutoff, step) * (scores - value)
        self.last = time, scores, value, speed
        return value


def _weight(cutoff: float, step: float) -> float:
    """How much a new value counts behind a low-pass of that cutoff (Hz) after `step` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
