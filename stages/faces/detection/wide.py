"""Find faces that are small in the picture: look over it now and then, and follow with small close-ups in between."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.pipeline.picture import Picture
from fervid.stages.faces.detection.geometry import centre, holds, moved, same
from fervid.stages.faces.detection.judge import Judge
from fervid.stages.faces.detection.sweep import places

if TYPE_CHECKING:
    from fervid.stages.faces.detection.litert import Networks

SOON = 0.2
"""Seconds until the next look over the picture where one has found somebody: it may have missed others."""
LOOK = 1.0
"""The same while there is somebody whom only these looks have found."""
LONGEST = 8.0
"""Seconds up to which the pause doubles where nothing is found."""
SURE = 0.8
"""A face of the small copy that scores less is looked at again where one is known: its box may be far too large."""
NEAR = 0.12
"""Faces of this share of the picture's longer side are left to the small copy: one that it loses is hidden."""
AHEAD = 0.2
"""Seconds for which a face that is not found is thought to move on."""
PATIENCE = 1.0
"""Seconds for which a place is looked at where a face was."""
SHARE = 0.02
"""Of the picture's width: the narrowest face that is looked for where nobody asks for more."""


@dataclass
class Known:
    """A face that was found before."""

    face: Face
    seen: float
    """When it was last found, in seconds."""
    sure: bool
    """Whether it was looked at alone, and is a face."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Pixels a second."""

    def expected(self, time: float) -> Face:
        """Where it should be now."""
        (x, y), seconds = self.speed, min(time - self.seen, AHEAD)
        return moved(self.face, 1, (x * seconds, y * seconds))

    def take(self, face: Face, time: float) -> None:
        """Note where it was found."""
        (x, y), (before_x, before_y), seconds = centre(face), centre(self.face), time - self.seen
        self.speed = ((x - before_x) / seconds, (y - before_y) / seconds) if seconds > 0 else (0.0, 0.0)
        self.face, self.seen = face, time


@dataclass
class Far:
    """What is remembered from frame to frame."""

    known: list[Known] = field(default_factory=list)
    looked: float = -math.inf
    """When the picture was last looked over, in seconds."""
    pause: float = LOOK
    """Seconds until the next time."""
    count: int = 0
    """Faces in the frame before."""


@dataclass
class Wide:
    """Adds to the faces of the small copy those that it does not show; boxes are in pixels."""

    networks: Networks
    smallest: float | None = None
    """Pixels of the narrowest face; None for SHARE of the picture's width."""
    far: Far = field(default_factory=Far)

    def __post_init__(self) -> None:
        self._judge = Judge(self.networks)

    def find(self, picture: Picture, time: float, near: list[Face]) -> list[Face]:
        """All faces, with what the small copy shows."""
        far = self.far
        faces = self._follow(picture, time, near)
        if len(faces) < far.count:
            far.pause = min(far.pause, LOOK)
        if not far.looked <= time < far.looked + far.pause:
            new = self._look(picture, faces)
            far.known += [Known(face, time, sure=True) for face in new]
            far.looked, far.pause = time, self._pause(new, others=len(faces) > len(near))
            faces = [face for face in faces if not any(holds(face, other) for other in new)] + new
        far.count = len(faces)
        return faces

    def _follow(self, picture: Picture, time: float, near: list[Face]) -> list[Face]:
        """Faces at the places of before, and new ones of the small copy; one that it surely shows costs nothing.

        Of two boxes on one face the surer one stays: the small copy can draw one around several people.
        """
        rest, found = list(near), list[Face]()
        for one in self.far.known:
            place = one.expected(time)
            shown = next((face for face in rest if same(face, place)), None)
            face = shown if shown and (shown.score >= SURE or not one.sure) else self._again(picture, place, one, shown)
            if shown:
                rest.remove(shown)
            if face:
                rest = [other for other in rest if other.score > face.score or not same(face, other)]
            if face and not any(same(face, other) for other in (*rest, *found)):
                one.take(face, time)
                one.sure |= face is not shown
                found.append(face)
        self.far.known = [one for one in self.far.known if 0 <= time - one.seen < PATIENCE]
        small = NEAR * max(picture.width, picture.height)
        self.far.known += [Known(face, time, sure=False) for face in rest if face.box[2] - face.box[0] < small]
        return [face for face in found + rest if not any(holds(face, other) for other in found)]

    def _again(self, picture: Picture, place: Face, one: Known, shown: Face | None) -> Face | None:
        """A close-up of the place, or what the small copy shows there if that is better."""
        face = self._judge.follow(picture, place) if one.sure else self._judge.accept(picture, place)
        return shown if face is None or (shown and shown.score > face.score) else face

    def _pause(self, new: list[Face], *, others: bool) -> float:
        if new:
            return SOON
        return LOOK if others or self.smallest else min(max(2 * self.far.pause, LOOK), LONGEST)

    def _look(self, picture: Picture, known: list[Face]) -> list[Face]:
        """Faces that nobody has found so far."""
        new, image = list[Face](), picture.bgr()
        for place in places(self.networks, image, self.smallest or SHARE * picture.width):
            if not any(same(place, face) for face in (*known, *new)):
                face = self._judge.accept(picture, place)
                if face and not any(same(face, other) for other in (*known, *new)):
                    new.append(face)
        return new
