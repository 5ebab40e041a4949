"""Find near and far faces without paying for both networks in every frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.stages.faces.detection.geometry import same

if TYPE_CHECKING:
    from fervid.stages.faces.detection.mediapipe_faces import Finder, Picture

SURE = 0.7
"""Where the short range is less sure than this of its best face, the full range looks as well."""
LOOK = 1.0
"""Seconds after which the full range looks round, and for which it keeps looking once it found more."""


@dataclass
class Rhythm:
    """When the full range looks next."""

    due: float = -math.inf
    found_more: float = -math.inf


@dataclass
class Both:
    """The short range in every frame; the full range where that is not sure, and as long as it has more to show."""

    short: Finder
    full: Finder
    rhythm: Rhythm = field(default_factory=Rhythm)

    def find(self, picture: Picture, time: float) -> list[Face]:
        """Faces in shares of the picture at a time in seconds."""
        near = self.short(picture)
        if time < self.rhythm.due and any(face.score >= SURE for face in near):
            return near
        faces = distinct(near, self.full(picture))
        if len(faces) > len(near):
            self.rhythm.found_more = time
        self.rhythm.due = time if time - self.rhythm.found_more < LOOK else time + LOOK
        return faces


def distinct(some: list[Face], others: list[Face]) -> list[Face]:
    """What either found; of two boxes on one face, the one with the higher score."""
    kept = [face for face in some if not any(same(face, other) and other.score > face.score for other in others)]
    return kept + [other for other in others if not any(same(other, face) for face in kept)]
