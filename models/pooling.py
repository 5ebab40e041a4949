"""One answer out of two: what FER2013's labels say of a face, and what FER+'s voters say of it, pooled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fervid.models import calibration
from fervid.models.card import HEADS, Answer, Calibration, Head, Pool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fervid.models.calibration import Floats

MIX = {
    "angry": 0.06,
    "disgust": 0.01,
    "fear": 0.03,
    "happy": 0.25,
    "sad": 0.10,
    "surprise": 0.05,
    "neutral": 0.50,
}
"""Emotions as a video shows them, assumed: neutral half of the time, unlike FER2013, a sixth of which is neutral."""

Logits = Mapping[Head, "NDArray[np.floating[Any]]"]
"""N x 7 for each head."""


def probabilities(answer: Answer, logits: Logits, heads: Mapping[Head, Calibration], pooled: Pool | None) -> Floats:
    """Return the N x 7 probabilities of one of a network's answers; `pooled` needs a pool."""
    if answer == "pooled":
        assert pooled
        return pool(logits, heads, pooled)
    return calibration.softmax(logits[answer], heads[answer].scale, heads[answer].shift)


def pool(logits: Logits, heads: Mapping[Head, Calibration], pooled: Pool) -> Floats:
    """Return N x 7 probabilities: a weighted product of both heads' (a logarithmic pool, Genest and Zidek 1986)."""
    import numpy as np

    both = _spoken(logits, heads) * np.concatenate([pooled.labels, pooled.votes])
    return calibration.softmax(both[:, :7] + both[:, 7:], 1.0, pooled.shift)


def fit(logits: Logits, heads: Mapping[Head, Calibration], truth: Floats, mix: Floats) -> Pool:
    """Return the pool under which N x 7 shares of truth are most likely, where faces come in the shares of `mix`.

    As if each weight came from a log-normal distribution around a half, each shift from a normal one around nothing
    (deviation `calibration.SPREAD`): so that few faces change little. Its `uncertain_below` stays 0.
    """
    import numpy as np
    from scipy.optimize import minimize

    said = _spoken(logits, heads)
    weighed = truth * (truth @ (mix / np.maximum(truth.mean(0), 1e-3)))[:, None]

    def unlikely(numbers: Floats) -> tuple[float, Floats]:
        weights = np.exp(numbers[:14]) / 2
        parts = said * weights
        made = calibration.softmax(parts[:, :7] + parts[:, 7:], 1.0, numbers[14:])
        apart = made * weighed.sum(1, keepdims=True) - weighed
        slope = (np.concatenate([apart, apart], 1) * said).sum(0) * weights
        pull = numbers / calibration.SPREAD**2
        surprise = -(weighed * np.log(np.maximum(made, 1e-12))).sum() + numbers @ pull / 2
        return float(surprise), np.concatenate([slope, apart.sum(0)]) + pull

    best = minimize(unlikely, np.zeros(21), jac=True, method="L-BFGS-B", bounds=[(-3, 3)] * 21).x
    labels, votes, shift = np.exp(best[:7]) / 2, np.exp(best[7:14]) / 2, best[14:]
    return Pool(_numbers(labels), _numbers(votes), _numbers(shift))


def _numbers(array: Floats) -> tuple[float, ...]:
    return tuple(array.round(4).tolist())


def _spoken(logits: Logits, heads: Mapping[Head, Calibration]) -> Floats:
    """N x 14 logarithms of the probabilities that both heads give."""
    import numpy as np

    parts = [probabilities(head, logits, heads, None) for head in HEADS]
    said: Floats = np.log(np.maximum(np.concatenate(parts, 1), 1e-12))
    return said
