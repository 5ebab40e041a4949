"""Look at one place alone, so near that the networks see it best, and say whether there is a face."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.stages.faces.detection.geometry import beside, close_up, moved

if TYPE_CHECKING:
    from fervid.stages.faces.detection.geometry import Picture
    from fervid.stages.faces.detection.litert import Model, Networks

NEAR, WIDE = 2.8, 4.0
"""How many times as wide as the face the square is that the networks see; a face fills 36 % or 25 % of it."""
ENOUGH = 2.4
"""What the scores of both networks at both zooms must add up to. Of 2,800 places in 58 pictures without a face
the best came to 2.32; of 46 faces 12 to 22 pixels wide 44 come to 2.4, and no more to 2.2."""
HOPE = 0.9
"""What the first two must add up to, or the others are not asked."""
SURE = 0.6
"""A face that was there is there still if the full range is as sure as this; else the short range is asked as well."""
KEPT = 0.5
"""A face that was there is lost where both score less."""
PLACED = 0.5, 2.0
"""How far a face may be from the middle of its place, in widths, and how many times as wide."""
MOVED = 0.75, 1.6
"""The same for a face that was there a moment ago and may have moved."""
DOUBT = 0.05
"""Scores below are none."""


class Judge:
    """The networks at one place of a picture; places and faces are in its pixels."""

    def __init__(self, networks: Networks) -> None:
        self._short, self._full, self._fuller = networks.short, networks.full(64, 64), networks.full(96, 96)

    def accept(self, image: Picture, place: Face) -> Face | None:
        """The face in a place where one may be, with the mean score: 1.8 ms, and 2.5 more where that is promising."""
        near = [self._see(image, place, NEAR, model, PLACED) for model in (self._full, self._short)]
        if _sum(near) < HOPE:
            return None
        seen = near + [self._see(image, place, WIDE, model, PLACED) for model in (self._fuller, self._short)]
        face = _surest(near)
        return replace(face, score=_sum(seen) / len(seen)) if face and _sum(seen) >= ENOUGH else None

    def follow(self, image: Picture, face: Face) -> Face | None:
        """The face that was there a moment ago: 0.5 ms where it is clearly seen."""
        seen = self._see(image, face, NEAR, self._full, MOVED)
        if seen and seen.score >= SURE:
            return seen
        seen = _surest([seen, self._see(image, face, NEAR, self._short, MOVED)])
        return seen if seen and seen.score >= KEPT else None

    def _see(self, image: Picture, place: Face, zoom: float, model: Model, where: tuple[float, float]) -> Face | None:
        part = close_up(image, place.box, zoom, model.size[0])
        if part is None:
            return None
        picture, scale, by = part
        return _surest([face for one in model(picture, DOUBT) if beside(face := moved(one, scale, by), place, *where)])


def _sum(seen: list[Face | None]) -> float:
    return sum(face.score for face in seen if face)


def _surest(seen: list[Face | None]) -> Face | None:
    return max((face for face in seen if face), key=lambda face: face.score, default=None)
