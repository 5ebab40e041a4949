"""Make probabilities mean what they say, and know below which one a face is better called uncertain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Truths = NDArray[np.bool_]


SPREAD = 0.5
"""Deviation of what a calibration changes, before any face is seen: what some ten faces an emotion weigh."""

COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)
"""Shares of the faces, the surest ones, on which accuracy is told."""


class Bin(NamedTuple):
    """Faces of similar confidence; a reliability diagram draws one bar for each."""

    low: float
    high: float
    faces: int
    confidence: float
    accuracy: float


def softmax(
    logits: NDArray[np.floating[Any]],
    scale: Sequence[float] | float = 1.0,
    shift: Sequence[float] | Floats | float = 0.0,
) -> Floats:
    """Return N x 7 probabilities of N x 7 logits, scaled and shifted for each emotion."""
    import numpy as np

    scaled = logits.astype(np.float64) * np.asarray(scale) + np.asarray(shift)
    powers: Floats = np.exp(scaled - scaled.max(1, keepdims=True))
    powers /= powers.sum(1, keepdims=True)
    return powers


def fit(
    logits: NDArray[np.floating[Any]],
    truth: Floats,
    scale: Sequence[float] | float = 1.0,
    shift: Sequence[float] | float = 0.0,
) -> tuple[Floats, Floats]:
    """Return scale and shift of each emotion under which N x 7 shares of truth are most likely (Guo et al. 2017).

    As if the scales' common factor, each one's own and each shift came from normal distributions (of logarithms, for
    the factors) around the scale and shift that are given: so that few faces change little.
    """
    import numpy as np
    from scipy.optimize import minimize

    count = logits.shape[1]

    def moved(numbers: Floats) -> tuple[Floats, Floats]:
        return np.asarray(scale) * np.exp(numbers[0] + numbers[1 : 1 + count]), np.asarray(shift) + numbers[1 + count :]

    def unlikely(numbers: Floats) -> tuple[float, Floats]:
        scales, shifts = moved(numbers)
        made = softmax(logits, scales.tolist(), shifts.tolist())
        apart = made * truth.sum(1, keepdims=True) - truth
        slope = (apart * logits).sum(0) * scales
        pull = numbers / SPREAD**2
        surprise = -(truth * np.log(np.maximum(made, 1e-12))).sum() + numbers @ pull / 2
        return float(surprise), np.concatenate([[slope.sum()], slope, apart.sum(0)]) + pull

    best = minimize(unlikely, np.zeros(1 + 2 * count), jac=True, method="L-BFGS-B", bounds=[(-3, 3)] * (1 + 2 * count))
    return moved(best.x)


def log_loss(scores: Floats, answers: Integers) -> float:
    """Mean surprise of N right answers, in nats, where they were expected with N x 7 probabilities."""
    import numpy as np

    return float(-np.log(np.maximum(scores[np.arange(len(answers)), answers], 1e-12)).mean())


def reliability(confidence: Floats, right: Truths, bins: int = 15) -> list[Bin]:
    """Group faces by confidence into bins of equal width; empty ones are left out."""
    import numpy as np

    which = np.minimum((confidence * bins).astype(int), bins - 1)
    groups = ((n, which == n) for n in range(bins))
    return [
        Bin(n / bins, (n + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for n, inside in groups
        if inside.any()
    ]


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, weighted by faces."""
    total = sum(group.faces for group in bins)
    return sum(group.faces * abs(group.confidence - group.accuracy) for group in bins) / total


def accuracy_by_coverage(confidence: Floats, right: Truths) -> tuple[Floats, Floats]:
    """Return coverage and the accuracy of what is covered, from the surest face to all of them."""
    import numpy as np

    order = np.argsort(-confidence, kind="stable")
    count = np.arange(1, len(order) + 1)
    return count / len(order), np.cumsum(right[order]) / count


def selective_accuracy(confidence: Floats, right: Truths, coverage: float) -> float:
    """Accuracy on the surest share of the faces."""
    import numpy as np

    count = max(1, round(coverage * len(right)))
    return float(accuracy_by_coverage(confidence, right)[1][np.minimum(count, len(right)) - 1])


def accuracy_at_coverages(confidence: Floats, right: Truths) -> dict[str, float]:
    """Accuracy on the surest faces, by their share: one figure for each of COVERAGES."""
    return {f"{coverage:.0%}": selective_accuracy(confidence, right, coverage) for coverage in COVERAGES}


def uncertain_below(confidence: Floats, right: Truths, floor: float = 0.4) -> float:
    """Return the highest threshold, to a thousandth, under which the labels are right less often than `floor`."""
    import numpy as np

    order = np.argsort(confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    poor = np.flatnonzero(accuracy < floor)
    poor = poor[poor >= min(20, len(order) - 1)]
    if not len(poor):
        return 0.0
    above = order[min(int(poor[-1]) + 1, len(order) - 1)]
    return min(round(float(confidence[above]), 3), 0.999)
