"""Figures of a network on one split, from its probabilities and what is true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fervid.models import calibration
from fervid.models.ferplus import majority, published
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Truths = NDArray[np.bool_]


def measure(
    labels: Counts, scores: Floats, votes: Sequence[tuple[int, ...] | None], certain: Truths, missed: int = 0
) -> dict[str, Any]:
    """Return all figures of a split.

    `labels` holds -1 where there are only votes; those that are not `certain` were labelled uncertain; `missed` faces
    were not found.
    """
    known = labels >= 0
    figures: dict[str, Any] = {"faces": len(labels), "not_found": missed}
    if known.any():
        figures |= _labelled(labels[known], scores[known], certain[known])
    if any(votes):
        figures["ferplus_majority"] = _voted(scores, map(majority, votes))
        figures["ferplus_published"] = _voted(scores, map(published, votes))
    return figures


def confusion(labels: Counts, scores: Floats) -> Counts:
    """7 x 7 counts: a row for each label, a column for each answer."""
    import numpy as np

    known = labels >= 0
    matrix = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
    np.add.at(matrix, (labels[known], scores[known].argmax(1)), 1)
    return matrix


def _labelled(labels: Counts, scores: Floats, certain: Truths) -> dict[str, Any]:
    matrix = confusion(labels, scores)
    emotions = {name: _emotion(matrix, n) for n, name in enumerate(EMOTIONS)}
    right, confidence = scores.argmax(1) == labels, scores.max(1)
    present = [row["f1"] for row in emotions.values() if row["faces"]]
    return {
        "accuracy": float(right.mean()),
        "macro_f1": sum(present) / len(present),
        "log_loss": calibration.log_loss(scores, labels),
        "calibration_error": calibration.calibration_error(calibration.reliability(confidence, right)),
        "accuracy_at_coverage": calibration.accuracy_at_coverages(confidence, right),
        "certain": {
            "share": float(certain.mean()),
            "accuracy": float(right[certain].mean()) if certain.any() else None,
        },
        "emotions": emotions,
    }


def _emotion(matrix: Counts, n: int) -> dict[str, float]:
    hits, said, true = int(matrix[n, n]), int(matrix[:, n].sum()), int(matrix[n].sum())
    return {
        "faces": true,
        "precision": hits / said if said else 0.0,
        "recall": hits / true if true else 0.0,
        "f1": 2 * hits / (said + true) if said + true else 0.0,
    }


def _voted(scores: Floats, answers: Iterable[int | None]) -> dict[str, Any]:
    pairs = zip(answers, scores.argmax(1).tolist(), strict=True)
    clear = [(true, guess) for true, guess in pairs if true is not None]
    right = sum(true == guess for true, guess in clear)
    return {"faces": len(clear), "accuracy": right / len(clear) if clear else None}
