"""What a network's answers are worth where two sets of labels exist, under each condition of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fervid.models import calibration
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    from fervid.models.calibration import Floats, Integers

NEUTRAL = EMOTIONS.index("neutral")


def twice(scores: Floats, labels: Integers, majorities: Integers) -> tuple[Floats, Any]:
    """Confidence and rightness of N answers, judged once by the label and once by the majority, where there is one."""
    import numpy as np

    answers, confidence = scores.argmax(1), scores.max(1)
    judges = [(labels, labels >= 0), (majorities, majorities >= 0)]
    return (
        np.concatenate([confidence[known] for _, known in judges]),
        np.concatenate([(answers == judge)[known] for judge, known in judges]),
    )


def judged(scores: Floats, uncertain_below: float, labels: Integers, majorities: Integers) -> dict[str, Any]:
    """Figures of N x 7 probabilities; labels and majorities are indices into EMOTIONS, -1 where there is none.

    `agreed` are faces on which both say the same; `recall` is the share of these, by emotion, that the best guess has,
    `macro_recall` its mean; `neutral_shown_as_another` the share of neutral ones among them whose label is another
    emotion, neither neutral nor uncertain. Calibration, coverage and what is `uncertain` (its share, the accuracy of
    its best guesses; None where it is nothing) count a face once by its label, once by its majority.
    """
    confidence, right = twice(scores, labels, majorities)
    agreed = (labels == majorities) & (labels >= 0)
    answers, sure = scores.argmax(1), scores.max(1) >= uncertain_below
    unsure = confidence < uncertain_below
    recall = {
        name: round(float((answers[agreed & (labels == number)] == number).mean()), 3)
        for number, name in enumerate(EMOTIONS)
        if (agreed & (labels == number)).any()
    }
    figures = {
        "agreed": int(agreed.sum()),
        "macro_recall": round(sum(recall.values()) / max(len(recall), 1), 4),
        "recall": recall,
        "calibration_error": round(calibration.calibration_error(calibration.reliability(confidence, right)), 4),
        "accuracy_at_coverage": {
            share: round(accuracy, 4)
            for share, accuracy in calibration.accuracy_at_coverages(confidence, right).items()
        },
        "uncertain": {
            "share": round(float(unsure.mean()), 4),
            "accuracy": round(float(right[unsure].mean()), 4) if unsure.any() else None,
        },
    }
    neutral = agreed & (labels == NEUTRAL)
    if neutral.any():
        figures["neutral_shown_as_another"] = round(float((sure & (answers != NEUTRAL))[neutral].mean()), 4)
    return figures
