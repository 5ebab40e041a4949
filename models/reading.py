"""What is read from a face: one word, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fervid.models.card import Answer
from fervid.pipeline.frame import EMOTIONS, UNCERTAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Emotion(NamedTuple):
    """A label, and how sure it is."""

    label: str
    """One of EMOTIONS, or UNCERTAIN."""
    confidence: float
    """Its probability; of an uncertain face, that of the best guess."""

    @classmethod
    def of(cls, label: str, scores: NDArray[np.float32]) -> Emotion:
        """The label with its probability among the seven."""
        return cls(label, float(scores.max() if label == UNCERTAIN else scores[EMOTIONS.index(label)]))


class Reader(NamedTuple):
    """Who read the faces."""

    model: str
    head: Answer
    uncertain_below: float
    """The probability that a label needs."""
    note: dict[str, Any]
    """All about it, as plain data."""
