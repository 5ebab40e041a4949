"""What a labelled frame should be read as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fervid.pipeline.fact import Fact

Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(slots=True)
class Target:
    """The truth about the face in a frame, as people saw it."""

    emotion: int | None
    """Index into EMOTIONS, or None where only votes exist."""
    split: Split
    votes: tuple[int, ...] | None = None
    """FER+'s ten counts: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, no face."""


TARGET: Fact[Target] = Fact("frames.target", "labelled frames")
