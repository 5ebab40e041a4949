"""What trained networks answer about the faces that another learns from (distillation, Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fervid.models.card import Head
from fervid.models.runtime import Classifier, open_classifier
from fervid.pipeline.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def open_teachers(models: Sequence[str], network: str, size: int) -> list[Classifier]:
    """Load them before the faces come, so that one that cannot teach ends it at once.

    Raises:
        ModelError: one is missing, or reads faces of another size than `network`.
    """
    teachers = [open_classifier(model) for model in models]
    for model, teacher in zip(models, teachers, strict=True):
        if teacher.card.size != size:
            raise ModelError(
                f"{model}: cannot teach {network!r}: it reads faces of {teacher.card.size} pixels, not of {size}"
            )
    return teachers


def answers(teachers: Sequence[Classifier], faces: NDArray[np.uint8]) -> dict[Head, Tensor]:
    """N x 7 for each head that a teacher has: the mean of what those that have it say of a face and of its mirror."""
    said: dict[Head, list[Tensor]] = {}
    for made in _readings(teachers, faces):
        for head, scores in made.items():
            said.setdefault(head, []).append(torch.from_numpy(scores))
    return {head: torch.stack(scores).mean(0) for head, scores in said.items()}


def _readings(teachers: Sequence[Classifier], faces: NDArray[np.uint8]) -> Iterator[dict[Head, NDArray[np.float32]]]:
    for teacher in teachers:
        yield teacher.every_head(faces)
        yield teacher.every_head(faces[:, :, ::-1])
