"""Steady the emotion scores of each tracked face, so that labels do not flicker."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from fervid.models.reading import Emotion
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import AGAIN, CHANGED, FRAMES, GATHERED, Column, vector
from fervid.pipeline.frame import EMOTIONS, TRACKS, UNCERTAIN, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Run
from fervid.pipeline.stage import Stage, Terms, register
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, READER, UNREADABLE
from fervid.stages.faces.smoothing.filters import Average, OneEuro
from fervid.stages.faces.smoothing.label import Label
from fervid.stages.faces.smoothing.two_pass import rts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORGET = 10.0
"""Seconds after which the scores of a vanished track are dropped."""

SMOOTHED = vector(
    "faces.smoothed",
    "smoothed emotions",
    [
        Column(f"{name}_smooth", f"probability of {name} steadied over time, 0 to 1", summed_up=False)
        for name in EMOTIONS
    ],
)
"""7 probabilities in the order of EMOTIONS. With them, `emotion` and `confidence` are the steadied ones."""


@dataclass(slots=True)
class _Memory:
    """What is known about one track."""

    filter: Average | OneEuro
    label: Label
    seen: float = 0.0
    scores: NDArray[np.float32] | None = None
    """Those of the last face that could be read, steadied."""
    unreadable: bool = False
    """Whether the last one could not."""


@dataclass(slots=True)
class _Known:
    """Every track of late."""

    tracks: dict[int, _Memory] = field(default_factory=dict)


@register("smooth")
@dataclass(frozen=True)
class Smooth(Stage):
    """Scores steadied over seconds, whatever the frame rate, and a label that changes only with reason.

    Faces without a track pass unchanged. A face that is only predicted, or that cannot be read, keeps the last scores
    of its track; one that cannot be read is uncertain until it can be.
    """

    method: Literal["average", "one_euro"] = "one_euro"
    """How: the one-euro filter, which is as calm on a still face but sooner at a new expression; or a plain average."""
    half_life: Annotated[float, Gt(0)] = 0.4
    """Seconds until an old score counts half; one_euro shortens it while scores change fast."""
    beta: Annotated[float, Ge(0)] = 0.3
    """Of one_euro: Hz by which its cutoff rises where a score moves by 1 a second; larger follows faster."""
    margin: Annotated[float, Ge(0), Le(1)] = 0.1
    """The label changes as soon as another leads the shown one by this much."""
    hold: Annotated[float, Ge(0)] = 0.5
    """The label also changes when another has led for this many seconds, by however little."""
    two_pass: bool = False
    """Read the file twice and look ahead as well as back: steadier and without delay; `method` does not matter then. It
    needs all frames at once, so such a run cannot be resumed in the middle."""

    needs = (FRAMES, TRACKS, EMOTION)
    gives = (SMOOTHED,)

    def terms(self) -> Terms:
        own = super().terms()
        if not self.two_pass:
            return own
        return Terms((*own.needs, AGAIN), (*own.gives, GATHERED), (CHANGED,), own.ends)

    def run(self, frames: Frames) -> Generator[Frame]:
        return self._twice(frames) if self.two_pass else self._once(frames)

    def _once(self, frames: Frames) -> Generator[Frame]:
        memory = frames.keep(_Known())
        for frame in frames:
            known = memory.tracks
            for face in frame.faces:
                if face.track is not None:
                    if face.track not in known:
                        known[face.track] = _Memory(self._filter(), self._label(frame))
                    _steady(face, known[face.track], frame.time)
            if len(known) > len(frame.faces):
                memory.tracks = {track: one for track, one in known.items() if frame.time - one.seen < FORGET}
            yield frame

    def _filter(self) -> Average | OneEuro:
        return Average(self.half_life) if self.method == "average" else OneEuro(self.half_life, self.beta)

    def _label(self, frame: Frame) -> Label:
        reader = frame[READER]
        return Label(self.margin, self.hold, reader.uncertain_below if reader else 0.0)

    def _twice(self, frames: Frames) -> Generator[Frame]:
        kept = list(_without_pictures(frames))
        if not kept:
            return
        tracks: dict[int, list[tuple[float, Face]]] = {}
        for frame in kept:
            for face in frame.faces:
                if face.track is not None:
                    tracks.setdefault(face.track, []).append((frame.time, face))
        for track in tracks.values():
            self._look_both_ways(track, self._label(kept[0]))
        del tracks
        yield from _with_pictures(kept, frames.run)

    def _look_both_ways(self, track: list[tuple[float, Face]], label: Label) -> None:
        import numpy as np

        while track and _read(track[0][1]) is None:
            track.pop(0)
        if track:
            times = [time for time, _ in track]
            steadied = rts(times, [_read(face) for _, face in track], self.half_life).astype(np.float32)
            unreadable = False
            for (time, face), scores in zip(track, steadied, strict=True):
                unreadable = _unreadable(face, unreadable)
                shown = UNCERTAIN if unreadable else label.update(time, scores)
                face[SMOOTHED], face[EMOTION] = scores, Emotion.of(shown, scores)


def _read(face: Face) -> NDArray[np.float32] | None:
    """The scores of a face that could be read."""
    return None if face[UNREADABLE] else face[PROBABILITIES]


def _unreadable(face: Face, before: bool) -> bool:
    """Whether a face cannot be read; of one that was not looked at, whether the last one could not."""
    return before if face[PROBABILITIES] is None else face[UNREADABLE] is True


def _steady(face: Face, memory: _Memory, time: float) -> None:
    import numpy as np

    memory.seen = time
    memory.unreadable = _unreadable(face, memory.unreadable)
    if (seen := _read(face)) is not None:
        memory.scores = memory.filter.update(time, seen.astype(np.float64)).astype(np.float32)
    if memory.scores is not None:
        face[SMOOTHED] = memory.scores
        label = UNCERTAIN if memory.unreadable else memory.label.update(time, memory.scores)
        face[EMOTION] = Emotion.of(label, memory.scores)


def _without_pictures(frames: Iterable[Frame]) -> Iterator[Frame]:
    import numpy as np

    nothing = np.empty((0, 0, 3), np.uint8)
    for frame in frames:
        if frame.source.reopen is None:
            raise InputError(
                f"{frame.source.name}: smooth reads its input twice, which this one cannot; remove two_pass"
            )
        frame.image = nothing
        yield frame


def _with_pictures(kept: list[Frame], run: Run) -> Generator[Frame]:
    """The same frames, each with its picture from a second reading."""
    source = kept[0].source
    stopped = run.stopping.is_set()
    assert source.reopen is not None
    kept.reverse()
    for again in source.reopen():
        if again.index < kept[-1].index:
            continue
        if again.index > kept[-1].index:
            break
        frame = kept.pop()
        frame.picture = again.picture
        yield frame
        if not kept:
            return
        if run.stopping.is_set() and not stopped:
            run.lost.cut = "interrupted"
            return
    raise InputError(f"{source.name}: changed while it was read; run it again")
