"""A video that is open: the pictures of it that are wanted, with their numbers and times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fervid.stages.sources.decoding import clock as clocks
from fervid.stages.sources.decoding.clock import Clock
from fervid.stages.sources.decoding.decoded import Decoded
from fervid.stages.sources.decoding.opening import open_video, pace, tracks, video_stream
from fervid.stages.sources.decoding.orientation import AS_STORED, of_video
from fervid.stages.sources.decoding.part import Part, Shot, leap, numbered
from fervid.stages.sources.decoding.reading import Place, Tally, behind, decoded

if TYPE_CHECKING:
    from fractions import Fraction

    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)


class Choice(NamedTuple):
    """What is wanted of a file: the options of `file`, with times in seconds."""

    track: int | None = None
    rate: float | None = None
    begin: float = 0.0
    end: float | None = None
    sample: float | None = None


class Recording:
    """Leaving its `with` closes it.

    Raises:
        InputError: it is no video, or holds nothing of what is wanted.
    """

    def __init__(self, path: Path, name: str, choice: Choice) -> None:
        self.path, self.name, self.choice = path, name, choice
        self.container, self.stream = self._opened()
        self.pace = pace(self.container, self.stream, name, choice.rate)
        origin = 0.0 if self.pace else clocks.origin(self.container)
        began = origin + choice.begin
        end = None if choice.end is None else origin + choice.end
        self.part = Part(began if choice.begin else None, end, choice.sample, began)
        self._angle: int | None = None
        self._orientation = AS_STORED
        self._aspect: Fraction | None = None
        self._codec_tells = self.stream.sample_aspect_ratio == self.stream.codec_context.sample_aspect_ratio

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def rewind(self) -> None:
        """Open it anew, at its beginning."""
        self.container.close()
        self.container, self.stream = self._opened()

    def _opened(self) -> tuple[InputContainer, VideoStream]:
        container = open_video(self.path, self.name)
        return container, video_stream(container, self.name, self.choice.track)

    def clock(self) -> Clock:
        """One that has not run yet."""
        return Clock(self.container, self.stream, self.pace)

    @property
    def track(self) -> int:
        """Which of the streams of pictures is read, covers counted, from 0."""
        return self.container.streams.video.index(self.stream)

    @property
    def rate(self) -> float | None:
        """Pictures a second, nominally, of those that are wanted."""
        told = self.pace or clocks.rate(self.stream)
        most = self.choice.sample
        return min(float(told), most) if told and most else most or (float(told) if told else None)

    @property
    def length(self) -> int | None:
        """How many pictures are wanted, as far as the container tells."""
        whole, rate = self.stream.frames or None, self.rate
        seconds = (self.container.duration or 0) / 1e6
        if (whole and self.choice == Choice(self.choice.track)) or not (rate and seconds) or self.pace:
            return whole
        end = min(seconds, seconds if self.choice.end is None else self.choice.end)
        return max(1, round((end - self.choice.begin) * rate))

    def picture(self, picture: av.VideoFrame) -> Decoded:
        """As it is meant to be seen; the matrix that says so is looked at where its angle changes."""
        if picture.rotation != self._angle:
            self._angle, self._orientation = picture.rotation, of_video(picture) or self._orientation
        if picture.key_frame or not self._aspect:  # the codec knows what begins there before the last ones are shown
            told = self.stream.codec_context.sample_aspect_ratio if self._codec_tells else None
            self._aspect = told or self.stream.sample_aspect_ratio
        return Decoded(picture, self._aspect, self._orientation)

    def shots(self, clock: Clock, tally: Tally) -> Iterator[Shot]:
        """All that are wanted."""
        found = self.part.begin is not None and leap(self.container, self.stream, clock, tally, self.part.begin)
        if found:
            return self.part.of(found, None)
        if self.part.begin is not None:
            self.rewind()
        return self._all(clock, tally)

    def shots_from(self, start: int, clock: Clock, tally: Tally, place: Place) -> Iterator[Shot]:
        """Those behind a place, the first of which has at least that number."""
        found = behind(self.container, self.stream, clock, tally, place)
        if found is not None:
            return self.part.of(numbered(found, clock, start), clock.last)
        self.rewind()
        return dropwhile(lambda shot: shot.index < start, self._all(clock, tally))

    def _all(self, clock: Clock, tally: Tally) -> Iterator[Shot]:
        """Read from the beginning; clock and tally begin anew."""
        clock.__init__(self.container, self.stream, self.pace)  # type: ignore[misc]
        tally.__init__()  # type: ignore[misc]
        return self.part.of(numbered(decoded(self.container, self.stream, tally), clock, 0), None)

    def tell(self) -> None:
        """Say what was chosen where the file leaves a choice."""
        choices = tracks(self.container)
        if len(choices) > 1 and self.choice.track is None:
            number = next(n for n, one in enumerate(choices, 1) if one.index == self.stream.index)
            sizes = (f"{one.codec_context.width} x {one.codec_context.height}" for one in choices if one.codec_context)
            what = f"{self.name}: holds {len(choices)} video tracks ({', '.join(sizes)})"
            log.warning("%s; number %d is read, file.track chooses another", what, number)
        if self.pace and not self.choice.rate:
            told = self.stream.codec_context.framerate
            whose = "as its header says" if told else "assumed, as its header says nothing"
            what = f"{self.name}: a raw stream without times; {self.pace:g} frames a second, {whose}"
            log.warning("%s; file.rate says otherwise", what)
