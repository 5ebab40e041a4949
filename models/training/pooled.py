"""Fit one answer out of two heads, under every condition of a picture, and say what each answer is worth there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fervid.models import calibration, pooling
from fervid.models.card import Answer, Calibration, Head, Pool
from fervid.models.evaluation.judged import judged, twice
from fervid.models.pooling import MIX, Logits
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    from fervid.models.calibration import Floats, Integers


def pooled(
    said: Mapping[str, Logits],
    heads: Mapping[Head, Calibration],
    truth: Mapping[Head, tuple[Floats, Integers]],
) -> tuple[Pool, dict[str, Any]]:
    """Return the pool and the figures of each answer under each condition.

    `said` are logits under each condition; `truth` what each head should have said of the same N faces: N x 7 shares,
    zeros where unknown, and the right index into EMOTIONS, -1 where there is none. What the pool should say is the
    mean of both heads' shares; the faces as they are weigh as much as all other conditions together, for the threshold
    below which a face is uncertain, too.
    """
    import numpy as np

    (label_shares, labels), (vote_shares, majorities) = truth["labels"], truth["votes"]
    shares = label_shares + vote_shares
    shares = shares / np.maximum(shares.sum(1, keepdims=True), 1e-12)
    every: Logits = {head: np.concatenate([logits[head] for logits in said.values()]) for head in heads}
    mix = np.array([MIX[name] for name in EMOTIONS])
    often = [max(1, len(said) - 1) if name == "clean" else 1 for name in said]
    made = pooling.fit(every, heads, np.concatenate([shares * many / sum(often) for many in often]), mix)
    seen = (twice(pooling.pool(logits, heads, made), labels, majorities) for logits in said.values())
    pairs = [pair for pair, many in zip(seen, often, strict=True) for _ in range(many)]
    confidence, right = (np.concatenate(each) for each in zip(*pairs, strict=True))
    made = replace(made, uncertain_below=calibration.uncertain_below(confidence, right))
    return made, {name: _figures(logits, heads, made, labels, majorities) for name, logits in said.items()}


def _figures(
    logits: Logits, heads: Mapping[Head, Calibration], made: Pool, labels: Integers, majorities: Integers
) -> dict[str, Any]:
    answers: dict[Answer, float] = {"pooled": made.uncertain_below}
    answers.update({head: fitted.uncertain_below for head, fitted in heads.items()})
    return {
        answer: judged(pooling.probabilities(answer, logits, heads, made), threshold, labels, majorities)
        for answer, threshold in answers.items()
    }
