"""Follow faces from detection to detection: predict, cut, match, update, spawn, prune."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fervid.pipeline.frame import Box, Face
from fervid.pipeline.picture import Picture
from fervid.stages.faces.tracking.look import Look, look
from fervid.stages.faces.tracking.matching import Candidate, match
from fervid.stages.faces.tracking.motion import Motion
from fervid.stages.faces.tracking.scene import Change, Scene
from fervid.stages.faces.tracking.track import Scale, Sighting, Size, Track, placed

MOSTLY = 2 / 3
"""The share of searched frames in which a doubtful face must have been found."""

FADE = 0.15
"""Seconds in which a face that walks is hidden, or leaves the picture, after it was last found."""
FARTHEST = 1e6
"""Pixels; no picture reaches farther."""


class Found(NamedTuple):
    """A detection, where it is in pixels of the first picture, and how the face looks where that is known."""

    face: Face
    box: Box
    look: Look | None
    cut: bool = False
    """Whether another picture has just come to this place."""


@dataclass(slots=True)
class Tracker:
    """The faces of one run. The options are those of the stage `track`.

    To it, all pictures are as large as the first, so that faces stay where they are when the pictures' size changes.
    """

    min_score: float
    sure_score: float
    confirm: float
    coast: float
    max_gap: float
    tracks: list[Track] = field(default_factory=list)
    time: float = 0.0
    ids: int = 0
    searches: int = 0
    """Since the last cut."""
    scene: Scene = field(default_factory=Scene)
    size: Size | None = None
    """Of the first picture."""

    def update(
        self, time: float, faces: Sequence[Face], picture: Picture | None = None, *, searched: bool = True
    ) -> list[Sighting]:
        """Take the detections of a frame; return its faces, found and predicted. The picture tells apart who meets."""
        self._predict(time)
        scale = self._scale(picture)
        change = None if picture is None else self.scene.show(picture, self.time)
        if change:
            self._cut(change, searched=searched)
        self._fade()
        sightings: list[Sighting] = []
        if searched:
            self.searches += 1
            pairs, rest = self._match([self._found(face, picture, scale, change) for face in faces if usable(face)])
            sightings += self._update(pairs)
            sightings += self._spawn(rest)
            self._end([track for track in self.tracks if track.cut])
        self._decide(self.tracks, self.time)
        self._prune()
        missing = [track for track in self.tracks if track.found < self.time]
        return sightings + [track.coast(self.time, self.size, scale, hoped=self._bridged(track)) for track in missing]

    def finish(self) -> None:
        """Settle what is open: nothing more will be found."""
        self._end(self.tracks)

    def _scale(self, picture: Picture | None) -> Scale:
        """What the sizes of the first picture are to be multiplied by for this one."""
        if picture is None:
            return 1.0, 1.0
        self.size = self.size or (picture.width, picture.height)
        return picture.width / self.size[0], picture.height / self.size[1]

    def _cut(self, change: Change, *, searched: bool) -> None:
        """End the tracks of faces where another picture is.

        Only one that can be found at once, looking as before, may go on: where a face was, or while much time went by,
        someone may have moved.
        """
        cut = change.cut
        self.searches = 0 if cut else self.searches
        places = [(track, self._shares(track.motion.box)) for track in self.tracks]
        gone = [track for track, box in places if (cut and not change.still(box)) or change.around(box)]
        for track in gone:
            track.cut = True
        if not searched or (cut and change.sudden):
            self._end(gone)

    def _shares(self, box: Box) -> Box:
        width, height = self.size or (1, 1)
        return placed(box, (1 / width, 1 / height))

    def _found(self, face: Face, picture: Picture | None, scale: Scale, change: Change | None) -> Found:
        box = placed(face.box, (1 / scale[0], 1 / scale[1]))
        new = change is not None and change.sudden and change.around(self._shares(box))
        return Found(face, box, None if picture is None else look(picture, face.box), new)

    def _end(self, tracks: Sequence[Track]) -> None:
        """Settle what is open of tracks that nothing more will be found of."""
        self._decide(tracks, math.inf)
        self._drop(tracks)

    def _predict(self, time: float) -> None:
        """Time that stands still, runs backwards or is no number moves nothing."""
        seconds = time - self.time if self.tracks and self.time < time < math.inf else 0.0
        self.time = time if seconds or (not self.tracks and math.isfinite(time)) else self.time
        for track in self.tracks:
            track.motion.predict(seconds)
        self._drop([track for track in self.tracks if not track.motion.sound])

    def _fade(self) -> None:
        """Leave gaps open that are too long to be bridged, but for their ends."""
        for track in self.tracks:
            if not self._bridged(track):
                track.fade(self.time, min(FADE, self.coast))

    def _match(self, faces: list[Found]) -> tuple[list[tuple[Track, Found]], list[Found]]:
        """Who is believed in chooses first, so that a face that comes out of hiding is not taken for a new one."""
        pairs: list[tuple[Track, Found]] = []
        for believed in (True, False):
            tracks = [track for track in self.tracks if (track.id is not None) is believed]
            expected = [self._expected(track) for track in tracks]
            found = dict(match(expected, [Candidate(one.box, one.look, cut=one.cut) for one in faces]))
            pairs += [(tracks[row], faces[column]) for row, column in found.items()]
            for row, track in enumerate(tracks):
                if row not in found:
                    track.miss(self.time)
            taken = set(found.values())
            faces = [one for column, one in enumerate(faces) if column not in taken]
        return pairs, faces

    def _expected(self, track: Track) -> Candidate:
        return Candidate(track.motion.box, track.look, self.time - track.found, track.cut)

    def _update(self, pairs: Iterable[tuple[Track, Found]]) -> list[Sighting]:
        for track, (face, box, seen, _) in pairs:
            track.motion.update(box, face.score)
            if face.score >= self.sure_score:
                track.remember(seen, self.time - track.found)
        return [track.see(self.time, face, box, sure=face.score >= self.sure_score) for track, (face, box, *_) in pairs]

    def _spawn(self, found: Iterable[Found]) -> list[Sighting]:
        begun = [one for one in found if one.face.score >= self.min_score]
        new = [Track(Motion(box), self.time, look=seen) for _, box, seen, _ in begun]
        self.tracks = self.tracks + new
        return [track.see(self.time, one.face, one.box, sure=True) for track, one in zip(new, begun, strict=True)]

    def _decide(self, tracks: Iterable[Track], time: float) -> None:
        """Believe in a face that is sure, or that was found in most searches; forget any other in good time."""
        for track in tracks:
            if track.id is not None:
                continue
            due = time >= track.born + self.confirm
            if track.score >= self.sure_score or (due and self._proven(track)):
                self.ids += 1
                track.believe(self.ids)
            elif due:
                track.forgotten = True

    def _proven(self, track: Track) -> bool:
        """Once is not enough, unless there was one search only: of a single picture."""
        return track.hits >= MOSTLY * track.searches and (track.hits > 1 or self.searches == 1)

    def _prune(self) -> None:
        """Drop what is forgotten or lost for too long."""
        self._drop([track for track in self.tracks if track.forgotten or track.lost(self.time) > self.max_gap])

    def _drop(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            track.end()
        if tracks:
            self.tracks = [track for track in self.tracks if track not in tracks]

    def _bridged(self, track: Track) -> bool:
        return track.lost(self.time) <= self.coast


def usable(face: Face) -> bool:
    """Whether a detection has an area and numbers of this world; one that is not finite would poison the filter."""
    x1, y1, x2, y2 = face.box
    return x2 > x1 and y2 > y1 and all(abs(value) < FARTHEST for value in (*face.box, face.score))
