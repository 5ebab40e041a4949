"""What trained networks answer about the faces that another learns from (distillation, Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fervid.models.card import Head
from fervid.models.runtime import Classifier, open_classifier
from fervid.models.training.learner import Stopped, Watch
from fervid.pipeline.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


BATCH = 256
"""Faces between two looks at whether to stop."""


def open_teachers(models: Sequence[str], network: str, size: int) -> list[Classifier]:
    """Load them before the faces come, so that one that cannot teach ends it at once.

    Raises:
        ModelError: one is missing, or reads faces of another size than `network`.
    """
    teachers = [open_classifier(model, precision="fp32") for model in models]
    for model, teacher in zip(models, teachers, strict=True):
        if teacher.card.size != size:
            raise ModelError(
                f"{model}: cannot teach {network!r}: it reads faces of {teacher.card.size} pixels, not of {size}"
            )
    return teachers


def answers(
    teachers: Sequence[Classifier], faces: NDArray[np.uint8], watch: Watch, stopping: Event
) -> dict[Head, Tensor]:
    """N x 7 for each head that a teacher has: the mean of what those that have it say of a face and of its mirror.

    Raises:
        Stopped: `stopping` was set.
    """
    said: dict[Head, list[Tensor]] = {}
    starts = range(0, len(faces), BATCH)
    for number, start in enumerate(starts):
        part = faces[start : start + BATCH]
        for head, scores in _answers(teachers, part).items():
            said.setdefault(head, []).append(scores)
        watch(0, number + 1, len(starts))
        if stopping.is_set():
            raise Stopped
    return {head: torch.cat(scores) for head, scores in said.items()}


def _answers(teachers: Sequence[Classifier], faces: NDArray[np.uint8]) -> dict[Head, Tensor]:
    said: dict[Head, list[Tensor]] = {}
    for teacher in teachers:
        for view in (faces, faces[:, :, ::-1]):
            for head, scores in teacher.every_head(view).items():
                said.setdefault(head, []).append(torch.from_numpy(scores))
    return {head: torch.stack(scores).mean(0) for head, scores in said.items()}
