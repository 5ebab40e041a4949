"""Tell which face is whose: every face gets an id that it keeps, through short occlusions too."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Lt

from fervid.pipeline.fact import SPARSE
from fervid.pipeline.frame import FACES, FOUND, TRACKS, Frame, found
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register
from fervid.stages.faces.tracking.reading import in_reading_order
from fervid.stages.faces.tracking.track import Sighting
from fervid.stages.faces.tracking.tracker import Tracker

HELD_BYTES = 256 << 20
"""How much picture may wait for a decision: at 25 frames a second 0.4 s of 4K, or 1.6 s of 1080p."""


@dataclass(slots=True)
class _Memory:
    """What refers to the same faces is kept together."""

    tracker: Tracker
    held: deque[tuple[Frame, list[Sighting]]]
    ids: dict[int, int]
    """By the tracker's number, in the order in which faces appear."""


@register("track")
@dataclass(frozen=True)
class Track(Stage):
    """Kalman filter and Hungarian assignment over seconds, not frames; ids belong to the run, from 1.

    Faces that appear in one frame get their ids as one reads: row by row, from the left in each.

    Frames of a file wait while one of their faces is in doubt, at most `confirm` or `max_gap` seconds, so that what is
    no face appears in no frame, a face that turns out to be one appears in its first, and only gaps that end in a
    detection are bridged, on the line between both ends; of a gap longer than `coast` the first and the last moment,
    as a part of the face can be seen before it is lost and before it is found. A live source never waits: a doubtful
    face appears once it is confirmed, and a lost one is predicted for `coast` seconds.
    """

    min_score: Annotated[float, Gt(0), Lt(1)] = 0.5
    """A detection below goes on with a track but begins none; lower `detect.min_score` to let it through."""
    sure_score: Annotated[float, Gt(0), Le(1)] = 0.7
    """A detection of at least this is a face at once."""
    confirm: Annotated[float, Ge(0), Le(5)] = 0.4
    """Seconds in which any other must be found in two of three searched frames to be a face."""
    coast: Annotated[float, Ge(0), Le(10)] = 0.5
    """Seconds for which a lost face is predicted."""
    max_gap: Annotated[float, Ge(0)] = 2.0
    """Seconds after which a lost face that comes back gets a new id."""

    detached: ClassVar[bool] = True
    needs = (FACES,)
    gives = (TRACKS,)
    ends = (SPARSE,)

    def run(self, frames: Frames) -> Generator[Frame]:
        tracker = Tracker(self.min_score, self.sure_score, self.confirm, self.coast, self.max_gap)
        held: deque[tuple[Frame, list[Sighting]]] = deque()
        ids: dict[int, int] = {}
        frames.keep(_Memory(tracker, held, ids))
        for frame in frames:
            frame[FOUND] = found(frame)
            held.append((frame, tracker.update(frame.time, frame.faces, frame.picture, searched=not frame[SPARSE])))
            room = 0 if frame.source.live else HELD_BYTES // max(1, frame.picture.nbytes)
            while held and (len(held) > room or _settled(held[0][1])):
                yield _kept(*held.popleft(), ids)
        tracker.finish()
        while held:
            yield _kept(*held.popleft(), ids)


def _settled(sightings: list[Sighting]) -> bool:
    return all(sighting.keep is not None for sighting in sightings)


def _kept(frame: Frame, sightings: list[Sighting], ids: dict[int, int]) -> Frame:
    """The frame with its faces, in order of their ids; what is still in doubt counts as far as it is known."""
    for sighting in sightings:
        sighting.settle(sighting.hoped and sighting.track.id is not None)
    faces = [sighting.face for sighting in sightings if sighting.keep]
    for number in in_reading_order([face.box for face in faces]):
        known = faces[number].track or 0
        faces[number].track = ids.setdefault(known, len(ids) + 1)
    frame.faces = sorted(faces, key=lambda face: face.track or 0)
    return frame
