"""Turn the best epoch into a file to use: calibrate each of its heads, and write down what it is."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fervid.models import calibration, checkpoint, ferplus
from fervid.models.card import INHERITED, Calibration, Card, Head, Pool
from fervid.models.conditions import CONDITIONS, under
from fervid.models.pooling import Logits
from fervid.models.training.examples import Examples
from fervid.models.training.learner import Learner, best
from fervid.models.training.optimise import targets
from fervid.models.training.pooled import pooled
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fervid.models.calibration import Floats, Integers


log = logging.getLogger(__name__)

FEW = 200
"""Faces too few to choose a threshold by."""


def finish(
    learner: Learner,
    examples: Examples,
    validation: Examples,
    recipe: dict[str, Any],
    starts: Sequence[Card],
    name: str,
    path: Path,
) -> Card:
    """Write weights and card; every number in the card that was chosen was chosen on the validation split.

    `starts` are the cards of the weights of which the mean was its beginning, the first's calibration too; none if it
    began with chance.
    """
    start = starts[0] if starts else None
    heads: dict[Head, Calibration] = {}
    figures: dict[str, Any] = {}
    said = learner.answers(validation)
    known = {head: truth(head, validation) for head in said}
    for head, logits in said.items():
        before = start.heads.get(head) if start else None
        heads[head], figures[head] = _calibrated(logits.numpy(), *known[head], before)
    pool, conditions = _pooled(learner, validation, heads, known) if len(heads) > 1 else (None, {})
    if start and (lost := [head for head in start.heads if head not in heads]):
        log.warning("train: the head %s of the start is lost: these faces have no votes", lost[0])
    card = Card(
        network=name,
        size=validation.size,
        mean=learner.mean,
        std=learner.std,
        heads=heads,
        pooled=pool,
        recipe=recipe,
        recipe_sha256=hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest(),
        data={"train": _data(examples), "validation": _data(validation)},
        seed=recipe["seed"],
        epochs=len(learner.history),
        trained={
            **learner.learned,
            "seconds": round(sum(row.seconds for row in learner.history)),
            **({"best_epoch": best(learner.history).epoch} if learner.history else {}),
            **({"before": earlier} if (earlier := _before(starts)) else {}),
        },
        figures={"validation": figures.pop("labels")}
        | {head: {"validation": row} for head, row in figures.items()}
        | ({"conditions": conditions} if conditions else {}),
        notes={name: note for card in starts[::-1] for name, note in card.notes.items() if name in INHERITED},
    )
    return checkpoint.save(path, learner.average, card)


def _before(starts: Sequence[Card]) -> list[dict[str, Any]]:
    """Every training that led to the starts, the latest first; one that led to several of them once."""
    rows: list[dict[str, Any]] = []
    for card in starts:
        rows += [row for row in card.trainings if row not in rows]
    return sorted(rows, key=lambda row: str(row.get("finished")), reverse=True)


def truth(head: Head, faces: Examples) -> tuple[Floats, Integers]:
    """N x 7 shares that a head should give, zeros where unknown, and the right answer, -1 where there is none."""
    if head == "labels":
        labels = faces.labels()
        return targets(labels, 0.0, "none").double().numpy(), labels.numpy()
    shares = faces.opinions()[:, : len(EMOTIONS)].double()
    most = [-1 if (answer := ferplus.majority(votes)) is None else answer for votes in faces.votes]
    return (shares / shares.sum(1, keepdim=True).clamp(min=1e-12)).numpy(), torch.tensor(most).numpy()


def _pooled(
    learner: Learner,
    validation: Examples,
    heads: Mapping[Head, Calibration],
    known: Mapping[Head, tuple[Floats, Integers]],
) -> tuple[Pool, dict[str, Any]]:
    faces = validation.images()[:, 0].numpy()
    seen = {name: replace(validation, pixels=bytearray(under(name, faces).tobytes())) for name in CONDITIONS}
    said: dict[str, Logits] = {
        name: {head: logits.numpy() for head, logits in learner.answers(each).items()} for name, each in seen.items()
    }
    return pooled(said, heads, known)


def _calibrated(
    logits: NDArray[np.float32], truth: Floats, answers: Integers, before: Calibration | None
) -> tuple[Calibration, dict[str, float]]:
    """`before` is the calibration that training began with; few faces hardly change it."""
    around = before or Calibration()
    scale, shift = (numbers.round(4).tolist() for numbers in calibration.fit(logits, truth, around.scale, around.shift))
    known = answers >= 0
    scores = calibration.softmax(logits[known], scale, shift)
    right, confidence = scores.argmax(1) == answers[known], scores.max(1)
    bins = calibration.reliability(confidence, right)
    figures = {
        "faces": len(right),
        "accuracy": float(right.mean()),
        "log_loss": calibration.log_loss(scores, answers[known]),
        "calibration_error": calibration.calibration_error(bins),
        "accuracy_at_80_percent_coverage": calibration.selective_accuracy(confidence, right, 0.8),
    }
    threshold = calibration.uncertain_below(confidence, right)
    if before and len(right) < FEW:
        threshold = before.uncertain_below
    return Calibration(tuple(scale), tuple(shift), threshold), {k: round(v, 4) for k, v in figures.items()}


def _data(examples: Examples) -> dict[str, Any]:
    counts = dict(zip(EMOTIONS, examples.counts(), strict=True))
    return {"faces": len(examples), "emotions": counts, "sha256": examples.digest()}
