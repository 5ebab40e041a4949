"""Turn the best epoch into a file to use: join its heads, calibrate it, and write down what it is."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fervid.models import calibration, checkpoint
from fervid.models.card import Card
from fervid.models.training.examples import Examples
from fervid.models.training.learner import Learner, Pair
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    import numpy as np

FERPLUS = (4, 5, 6, 1, 3, 2, 0)
"""Where each of EMOTIONS stands among FER+'s counts."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the second head's say is tried."""


def finish(
    learner: Learner, examples: Examples, validation: Examples, recipe: dict[str, Any], name: str, path: Path
) -> Card:
    """Write weights and card; every number in the card that was chosen was chosen on the validation split."""
    share = _join(learner, validation)
    logits, labels = learner.logits(validation).numpy(), validation.labels().numpy()
    logits, labels = logits[labels >= 0], labels[labels >= 0]
    temperature = calibration.temperature(logits, labels)
    probabilities = calibration.softmax(logits, temperature)
    right, confidence = probabilities.argmax(1) == labels, probabilities.max(1)
    network = learner.average.network
    best = max(learner.history, key=lambda row: row.validation_accuracy)
    card = Card(
        network=name,
        size=validation.size,
        mean=learner.mean,
        std=learner.std,
        temperature=round(temperature, 4),
        uncertain_below=calibration.uncertain_below(confidence, right),
        recipe=recipe,
        recipe_sha256=hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest(),
        data={"train": _data(examples), "validation": _data(validation)},
        seed=recipe["seed"],
        epochs=len(learner.history),
        trained={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(sum(row.seconds for row in learner.history)),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {learner.device.type}",
            "torch": torch.__version__,
            "best_epoch": best.epoch,
            "votes_share": share,
        },
        figures={
            "validation": {
                "accuracy": round(float(right.mean()), 4),
                "calibration_error": round(
                    calibration.calibration_error(calibration.reliability(confidence, right)), 4
                ),
                "accuracy_at_80_percent_coverage": round(calibration.selective_accuracy(confidence, right, 0.8), 4),
            }
        },
    )
    return checkpoint.save(path, network, card)


def _join(learner: Learner, validation: Examples) -> float:
    """Fold the head that learned from votes into the other, by the share that makes the labels likeliest.

    Both are linear in the same features, so the product of their probabilities is one linear head and costs nothing.
    """
    pair: Pair = learner.average
    if pair.votes is None:
        return 0.0
    head = pair.network.head
    weight, bias = head.weight.detach().clone(), head.bias.detach().clone()  # type: ignore[union-attr,operator]
    order = list(FERPLUS)
    losses = {}
    for share in SHARES:
        _set(head, weight + share * pair.votes.weight[order], bias + share * pair.votes.bias[order])
        losses[share] = _surprise(learner, validation)
    best = min(losses, key=losses.__getitem__)
    _set(head, weight + best * pair.votes.weight[order], bias + best * pair.votes.bias[order])
    return best


def _set(head: Any, weight: Tensor, bias: Tensor) -> None:
    head.weight.data.copy_(weight.detach())
    head.bias.data.copy_(bias.detach())


def _surprise(learner: Learner, validation: Examples) -> float:
    """Mean negative log likelihood of the labels at the best temperature."""
    logits, labels = learner.logits(validation).numpy(), validation.labels().numpy()
    logits, labels = logits[labels >= 0], labels[labels >= 0]
    chosen: np.ndarray[Any, Any] = calibration.softmax(logits, calibration.temperature(logits, labels))
    return float(-torch.from_numpy(chosen)[range(len(labels)), labels].clamp(min=1e-12).log().mean())


def _data(examples: Examples) -> dict[str, Any]:
    counts = dict(zip(EMOTIONS, examples.counts(), strict=True))
    return {"faces": len(examples), "emotions": counts, "sha256": examples.digest()}
