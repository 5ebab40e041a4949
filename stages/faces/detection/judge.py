"""Look at one place alone, so near that the networks see it best, and say whether there is a face."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.pipeline.picture import Picture
from fervid.stages.faces.detection.geometry import beside, close_up, moved

if TYPE_CHECKING:
    from fervid.stages.faces.detection.litert import Model, Networks

NEAR, WIDE = 2.8, 4.0
"""How many times as wide as the face the square is that the networks see; a face fills 36 % or 25 % of it."""
ENOUGH = 2.4
"""What the scores of both networks at both zooms must add up to. Of 2,800 places in 58 pictures without a face
the best came to 2.32; of 46 faces 12 to 22 pixels wide 44 come to 2.4, and no more to 2.2."""
CERTAIN = 3.2
"""From this sum on nothing more is asked; of doubtful faces, whether what is seen has an upper side."""
UPRIGHT = 0.6
"""How much less they must add up to where the place is turned upside down: the holes of a button look alike either
way. This takes 97 to 100 % of what passed for faces in pictures of buttons, and 89 to 100 % among biscuits and balls;
nearly all of wall sockets and houses stay. Of 716 faces 12 to 60 pixels wide, most of them darkened, blurred, noisy,
tilted or cut by an edge, it takes 9; of walkers' faces of 50 to 60 pixels, which are 0.9 apart and more, none."""
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

    def accept(self, picture: Picture, place: Face) -> Face | None:
        """The face in a place where one may be, with the mean score: 1.8 ms, 2.5 more where that is promising, and
        all that again where it is doubtful still."""
        near = self._look(picture, place, NEAR, self._full)
        if _sum(near) < HOPE:
            return None
        seen = near + self._look(picture, place, WIDE, self._fuller)
        face = _surest(near)
        if not face or _sum(seen) < ENOUGH or not self._upright(picture, face, _sum(seen)):
            return None
        return replace(face, score=_sum(seen) / len(seen))

    def _upright(self, picture: Picture, face: Face, score: float) -> bool:
        """Whether it has an upper side, as far as that needs to be asked."""
        if score >= CERTAIN:
            return True
        zooms = (NEAR, self._full), (WIDE, self._fuller)
        return score - sum(_sum(self._look(picture, face, *zoom, turn=-1)) for zoom in zooms) >= UPRIGHT

    def _look(self, picture: Picture, place: Face, zoom: float, full: Model, turn: int = 1) -> list[Face | None]:
        return [self._see(picture, place, zoom, model, PLACED, turn) for model in (full, self._short)]

    def follow(self, picture: Picture, face: Face) -> Face | None:
        """The face that was there a moment ago: 0.5 ms where it is clearly seen."""
        seen = self._see(picture, face, NEAR, self._full, MOVED, least=KEPT)
        if seen and seen.score >= SURE:
            return seen
        return _surest([seen, self._see(picture, face, NEAR, self._short, MOVED, least=KEPT)])

    def _see(
        self,
        picture: Picture,
        place: Face,
        zoom: float,
        model: Model,
        where: tuple[float, float],
        turn: int = 1,
        least: float = DOUBT,
    ) -> Face | None:
        """With a `turn` of -1 the picture is upside down; the face's box then is turned about the place's middle."""
        part = close_up(picture, place.box, zoom, model.size[0])
        if part is None:
            return None
        shown, scale, by = part
        found = model(shown[::turn, ::turn], least)
        return _surest([face for one in found if beside(face := moved(one, scale, by), place, *where)])


def _sum(seen: list[Face | None]) -> float:
    return sum(face.score for face in seen if face)


def _surest(seen: list[Face | None]) -> Face | None:
    return max((face for face in seen if face), key=lambda face: face.score, default=None)
