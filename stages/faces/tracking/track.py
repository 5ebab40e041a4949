"""The life of a track: what was seen of one face, and what of it is still open."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeAlias

from fervid.pipeline.frame import Box, Face
from fervid.stages.faces.tracking.look import Look
from fervid.stages.faces.tracking.motion import Motion

Size: TypeAlias = tuple[int, int]
"""Width and height of a picture."""
Scale: TypeAlias = tuple[float, float]
"""What widths and heights are multiplied by."""

HALF = 0.5
"""The share of a face that is in the picture until it counts as gone."""
MEMORY = 0.5
"""Seconds until half of what a face looked like is replaced by what it looks like now."""


@dataclass(slots=True, eq=False)
class Sighting:
    """A face in a frame; whether to keep it may only be known some frames later."""

    time: float
    face: Face
    track: Track
    keep: bool | None = None
    hoped: bool = True
    """Whether to keep it if the frame cannot wait until that is known."""
    inside: float = 1.0
    """The share of the box that is in the picture."""
    scale: Scale = (1.0, 1.0)
    """What the track's places are to be multiplied by for this picture."""

    def settle(self, keep: bool) -> None:
        """Decide, unless that was done before: the frame may be gone."""
        if self.keep is None:
            self.keep = keep
            self.face.track = self.track.id


@dataclass(slots=True, eq=False)
class Track:
    """One face over time. It has no id until it is believed in."""

    motion: Motion
    born: float
    found: float = 0.0
    """Time of the last detection."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """Where it was then."""
    score: float = 0.0
    """Of the last detection."""
    look: Look | None = None
    """How the face has looked of late."""
    id: int | None = None
    forgotten: bool = False
    hits: int = 0
    searches: int = 0
    missed: float | None = None
    """Time of the first search in vain since the last detection."""
    cut: bool = False
    """Whether another picture came to its place, and it was not found since."""
    gap: list[Sighting] = field(default_factory=list)
    """Predicted since the last detection; open until the next one."""
    waiting: list[Sighting] = field(default_factory=list)
    """Seen before the track was believed in."""

    def lost(self, time: float) -> float:
        """Seconds since the first search in vain; frames that were not searched do not count."""
        return 0.0 if self.missed is None else time - self.missed

    def see(self, time: float, face: Face, box: Box, *, sure: bool) -> Sighting:
        """Take a detection, its box as large as the track's. What was predicted since the last one now lies on the line
        between the two.

        A doubtful box is likely to be off, as something hides a part of the face: then the line ends where the motion
        says.
        """
        box = box if sure else self.motion.box
        for sighting in self.gap:
            if sighting.keep is None:
                between = _between(self.box, box, (sighting.time - self.found) / (time - self.found))
                sighting.face.box = placed(between, sighting.scale)
        seen = Sighting(time, face, self)
        self.waiting += [*self.gap, seen]
        self.gap = []
        self.found, self.missed, self.cut, self.box, self.score = time, None, False, box, face.score
        self.hits += 1
        self.searches += 1
        if self.id is not None:
            self.believe(self.id)
        return seen

    def remember(self, look: Look | None, seconds: float) -> None:
        """Let the new look count the more, the longer ago the last one was."""
        if look is not None:
            share = 1.0 if self.look is None else 1 - 0.5 ** (seconds / MEMORY)
            self.look = look if self.look is None else self.look + (look - self.look) * share

    def miss(self, time: float) -> None:
        """Note a search in vain."""
        self.searches += 1
        self.missed = time if self.missed is None else self.missed

    def coast(
        self, time: float, size: Size | None = None, scale: Scale = (1.0, 1.0), *, hoped: bool = True
    ) -> Sighting:
        """Stand in for a detection, in a picture of that size, which is shown at that scale."""
        box = self.motion.box
        inside = _inside(box, size) if size else 1.0
        face = Face(placed(box, scale), self.score, status="predicted")
        self.gap.append(Sighting(time, face, self, None, hoped, inside, scale))
        return self.gap[-1]

    def believe(self, number: int) -> None:
        """Keep what was seen so far."""
        self.id = number
        self._settle(self.waiting, keep=True)
        self.waiting = []

    def fade(self, time: float, seconds: float) -> None:
        """Drop what was predicted, but for so many seconds at both ends, which stay open until the face comes back.

        What hides a face moves before it and away again: a part of it is still there when it is no longer found, and
        there again before it is found.
        """
        if self.gap and self.gap[-1].hoped:
            self._leave(seconds)
        self._settle([one for one in self.gap if self.found + seconds < one.time < time - seconds], keep=False)
        self.gap = [one for one in self.gap if one.keep is not False]
        for sighting in self.gap:
            sighting.hoped = False

    def _leave(self, seconds: float) -> None:
        """Keep a face that was walking out of the picture until half of it was outside."""
        if self.id is not None and self.gap[0].inside < 1 and self.gap[-1].inside < HALF:
            still = takewhile(lambda one: one.inside >= HALF and one.time <= self.found + seconds, self.gap)
            self._settle(list(still), keep=True)

    def end(self) -> None:
        """Settle what is open: what has no id by now was no face, and what nobody has looked for since was there."""
        self._settle(self.gap, keep=self.id is not None and self.missed is None)
        self._settle(self.waiting, keep=False)
        self.gap, self.waiting = [], []

    @staticmethod
    def _settle(sightings: list[Sighting], *, keep: bool) -> None:
        for sighting in sightings:
            sighting.settle(keep)


def placed(box: Box, scale: Scale) -> Box:
    """A box in a picture that is so many times as wide and as high."""
    x1, y1, x2, y2 = box
    return x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]


def _inside(box: Box, size: Size) -> float:
    """The share of the box that is in the picture."""
    (x1, y1, x2, y2), (width, height) = box, size
    shown = max(min(x2, width) - max(x1, 0), 0) * max(min(y2, height) - max(y1, 0), 0)
    return shown / ((x2 - x1) * (y2 - y1))


def _between(a: Box, b: Box, share: float) -> Box:
    x1, y1, x2, y2 = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return x1, y1, x2, y2
