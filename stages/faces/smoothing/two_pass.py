"""The smoother that looks ahead as well as back: for files, which can be read twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def rts(
    times: Sequence[float], scores: Sequence[NDArray[np.floating[Any]] | None], half_life: float
) -> NDArray[np.float64]:
    """Return the N x K scores that are most likely given all N observations, past and future.

    Rauch, Tung and Striebel (1965) for scores that walk at random and are observed with noise; None is an instant
    without an observation. The first must be one. The noise is chosen so that, amid many frames, a score counts half
    at a distance of `half_life` seconds, whatever the frame rate.
    """
    import numpy as np

    steps = np.diff(np.asarray(times, np.float64), prepend=times[0]).clip(0)
    noise = observation_noise(steps, half_life)
    means = np.empty((len(times), len(scores[0])))  # type: ignore[arg-type]
    variances = np.empty(len(times))
    mean, variance = np.asarray(scores[0], np.float64), noise
    for n, seen in enumerate(scores):
        if n:
            variance += steps[n]
            if seen is not None:
                gain = variance / (variance + noise)
                mean, variance = mean + gain * (seen - mean), (1 - gain) * variance
        means[n], variances[n] = mean, variance
    for n in range(len(times) - 2, -1, -1):
        means[n] += variances[n] / (variances[n] + steps[n + 1]) * (means[n + 1] - means[n])
    return means


def observation_noise(steps: NDArray[np.float64], half_life: float) -> float:
    """Return the variance of one observation where the walk's grows by 1 a second.

    In continuous time the gain of such a filter is sqrt(1 / density of the noise), and the reciprocal of that gain is
    the time constant; many observations a second share the density.
    """
    import numpy as np

    moving = steps[steps > 0]
    step = float(np.median(moving)) if moving.size else 1.0
    return (half_life / math.log(2)) ** 2 / step
