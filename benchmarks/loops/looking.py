"""What hand-written loops have in common: a function that looks at a picture, for files and for cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time
from typing import Any

from loops.writing import Box, annotate

Look = Callable[[Any], list[tuple[Box, Any]]]
"""Faces of a picture in BGR, each with its seven scores."""


def ages(pictures: Iterable[tuple[Any, float]], look: Look) -> list[float]:
    """How many seconds old each picture of a camera is when its faces are drawn."""
    found = []
    for image, moment in pictures:
        for box, scores in look(image):
            annotate(image, box, scores)
        found.append(time() - moment)
    return found


def added_up(counts: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Frames and faces of all clips."""
    frames, faces = zip(*counts, strict=True)
    return {"frames": sum(frames), "faces": sum(faces)}
