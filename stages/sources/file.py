"""Read one video file: every frame that can be decoded, at the container's own times."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le

from fervid.pipeline.errors import ConfigError, InputError
from fervid.pipeline.fact import AGAIN, FRAMES
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.original import Original
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.clock import FASTEST
from fervid.stages.sources.decoding.losses import report
from fervid.stages.sources.decoding.opening import check
from fervid.stages.sources.decoding.part import Shot, seconds
from fervid.stages.sources.decoding.pixels import SIDE
from fervid.stages.sources.decoding.reading import Place, Tally
from fervid.stages.sources.decoding.recording import Choice, Recording
from fervid.stages.sources.decoding.sizes import Sizes


@register("file")
@dataclass(frozen=True)
class File(Stage):
    """Frames of a video file, upright, in square pixels, at the times of the container; what is damaged is counted.

    Times grow from frame to frame: where the container puts a picture before the last one, it follows 1 ms behind. Of a
    part, frames keep the numbers and times that they have in the whole file.
    """

    path: Annotated[str, Reads()]
    """The video: mp4, mov, mkv, webm, avi, gif, ts and more."""
    from_: float | str = 0.0
    """Where to begin: seconds, or a clock time such as 0:02:00. A clock that begins late counts from its beginning."""
    to: float | str | None = None
    """Where to end, in the same way; null reads to the end."""
    sample: Annotated[float, Gt(0)] | None = None
    """Pictures to take a second, the first at or behind each of the times; null takes all."""
    track: Annotated[int, Ge(1)] | None = None
    """Which of several video tracks, from 1; null takes the one that players show."""
    rate: Annotated[float, Gt(0), Le(FASTEST)] | None = None
    """Frames a second of a raw stream (.h264), which has no times; null believes its header."""

    needs = ()
    gives = (FRAMES, AGAIN)

    def __post_init__(self) -> None:
        begin, end = _checked("from", self.from_), None if self.to is None else _checked("to", self.to)
        if end is not None and end <= begin:
            raise ConfigError(f"option 'to': {self.to} is not behind `from`, {self.from_}")

    def run(self, frames: Frames) -> Generator[Frame]:
        path, lost = Path(self.path).absolute(), frames.run.lost
        check(path, self.path)
        original = Original(path)
        with Recording(path, self.path, self._choice) as recording:
            clock, tally = frames.keep(recording.clock()), frames.keep(Tally())
            place, sizes = frames.keep(Place()), frames.keep(Sizes())
            shots = recording.shots(clock, tally)
            first = next(shots, None)
            if first is None:
                raise InputError(f"{self.path}: {_nothing(recording, tally)}")
            recording.tell()
            place.picture, source = first.picture, self._source(recording, first, original)
            start = frames.begin(source)
            shots = recording.shots_from(start, clock, tally, place) if start else chain([first], shots)
            frame = None
            for shot in shots:
                frame, place.picture = _frame(shot, recording, source), shot.picture
                sizes.look(frame, frames.run)
                lost.damaged = tally.damaged
                yield frame
            lost.damaged = tally.damaged
            if frame is not None:
                report(recording.container, recording.stream, frame, clock, tally, lost)

    @property
    def _choice(self) -> Choice:
        end = None if self.to is None else seconds(self.to)
        return Choice(self.track, self.rate, seconds(self.from_), end, self.sample)

    def _source(self, recording: Recording, first: Shot, original: Original) -> Source:
        shown = recording.picture(first.picture)

        def again() -> Iterator[Frame]:
            """The same frames once more; their damage was counted before."""
            original.check()
            with Recording(recording.path, self.path, self._choice) as second:
                for shot in second.shots(second.clock(), Tally()):
                    yield _frame(shot, second, source)

        source = Source(
            recording.path.stem,
            shown.width,
            shown.height,
            fps=recording.rate,
            path=recording.path,
            original=original,
            length=recording.length,
            reopen=again,
            track=recording.track,
            start=recording.part.due,
            end=recording.part.end,
        )
        return source


def _checked(option: str, given: float | str) -> float:
    try:
        return seconds(given)
    except ValueError:
        raise ConfigError(f"option {option!r}: {given!r} is neither seconds nor a clock time such as 0:02:00") from None


def _nothing(recording: Recording, tally: Tally) -> str:
    """Why there is no first picture."""
    if not tally.packets:
        return "ends before its first picture; it was cut short, as by a copy that was broken off"
    if not recording.part.whole and not tally.damaged:
        return "none of its pictures lies in the part that `from` and `to` name"
    if not recording.stream.codec_context.width:
        return f"none of its pictures can be decoded: they are damaged, or larger than {SIDE} x {SIDE}"
    return "none of its pictures can be decoded: all of them are damaged"


def _frame(shot: Shot, recording: Recording, source: Source) -> Frame:
    return Frame(shot.index, shot.time, recording.picture(shot.picture), source)
