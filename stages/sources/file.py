"""Read one video file: every frame that can be decoded, at the container's own times."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import AGAIN, FRAMES
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.original import Original
from fervid.pipeline.record import Lost
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.opening import check, open_video, video_stream
from fervid.stages.sources.decoding.pixels import SIDE, bgr, square, upright
from fervid.stages.sources.decoding.reading import Clock, Place, Tally, behind, behind_all_of, decoded

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
DECLARING = ("matroska", "mov", "flv", "asf")
"""Containers whose head says how long they are; of others the length is where they end, cut short or not."""


@register("file")
@dataclass(frozen=True)
class File(Stage):
    """Frames of a video file, upright, in square pixels, at the times of the container; what is damaged is counted.

    Times grow from frame to frame: where the container puts a picture before the last one, it follows 1 ms behind.
    """

    path: Annotated[str, Reads()]
    """The video: mp4, mov, mkv, webm, avi, gif, ts and more."""

    needs = ()
    gives = (FRAMES, AGAIN)

    def run(self, frames: Frames) -> Generator[Frame]:
        path, lost = Path(self.path).absolute(), frames.run.lost
        check(path, self.path)
        with ExitStack() as stack:
            original = Original(path)
            container, stream = _opened(path, self.path, stack)
            clock, tally = frames.keep(Clock(container, stream)), frames.keep(Tally())
            place = frames.keep(Place())
            pictures = decoded(container, stream, tally)
            place.picture = first = next(pictures, None)
            if first is None:
                raise InputError(f"{self.path}: {_why_nothing(stream, tally)}")
            source = _describe(container, stream, original, _image(first, stream))
            start = frames.begin(source)
            if not start:
                pictures = chain([first], pictures)
            elif (found := behind(container, stream, clock, tally, place)) is not None:
                pictures = found
            else:
                container, stream = _opened(path, self.path, stack)
                pictures = behind_all_of(start, container, stream, clock, tally)
            frame = None
            for index, picture in enumerate(pictures, start):
                frame, place.picture = Frame(index, clock.time(picture), _image(picture, stream), source), picture
                lost.damaged = tally.damaged
                yield frame
            lost.damaged = tally.damaged
            if frame is not None:
                _report(container, stream, frame, clock, tally, lost)


def _opened(path: Path, name: str, stack: ExitStack) -> tuple[InputContainer, VideoStream]:
    container = stack.enter_context(open_video(path, name))
    return container, video_stream(container, name)


def _why_nothing(stream: VideoStream, tally: Tally) -> str:
    if not tally.packets:
        return "ends before its first picture; it was cut short, as by a copy that was broken off"
    if not stream.codec_context.width:
        return f"none of its pictures can be decoded: they are damaged, or larger than {SIDE} x {SIDE}"
    return "none of its pictures can be decoded: all of them are damaged"


def _describe(container: InputContainer, stream: VideoStream, original: Original, image: NDArray[np.uint8]) -> Source:
    rate = stream.average_rate
    length = stream.frames or None
    if length is None and container.duration and rate:
        length = round(container.duration / 1e6 * rate)

    def again() -> Iterator[Frame]:
        return _again(path, source)

    path, (height, width) = original.path, image.shape[:2]
    fps = float(rate) if rate else None
    source = Source(path.stem, width, height, fps=fps, path=path, original=original, length=length, reopen=again)
    return source


def _image(picture: av.VideoFrame, stream: VideoStream) -> NDArray[np.uint8]:
    return upright(square(bgr(picture), stream.sample_aspect_ratio), picture.rotation)


def _again(path: Path, source: Source) -> Iterator[Frame]:
    """The same frames once more; their damage was counted before."""
    with ExitStack() as stack:
        container, stream = _opened(path, str(path), stack)
        if source.original:
            source.original.check()
        clock = Clock(container, stream)
        for index, picture in enumerate(decoded(container, stream, Tally())):
            yield Frame(index, clock.time(picture), _image(picture, stream), source)


def _report(
    container: InputContainer, stream: VideoStream, last: Frame, clock: Clock, tally: Tally, lost: Lost
) -> None:
    """Say what of the file was lost."""
    source, read = last.source, last.index + 1
    of = f"{read} of {stream.frames - tally.hidden}" if stream.frames else str(read)
    seconds = (container.duration or 0) / 1e6
    if _ends_early(container, stream, tally):
        lost.cut = "truncated"
        log.warning("%s: cut short: %s frames, %.1f of %.1f s", source.name, of, last.time, seconds)
    if tally.damaged:
        log.warning("%s: %d damaged packets were passed over; %s frames could be read", source.name, tally.damaged, of)
    if clock.missing and not tally.damaged and not stream.frames:
        lost.missing = clock.missing
        log.warning("%s: its times leave room for %d more frames: lost, or never recorded", source.name, clock.missing)
    if clock.assumed:
        log.warning("%s: %d frames have no time that follows the last; it was assumed", source.name, clock.assumed)


def _ends_early(container: InputContainer, stream: VideoStream, tally: Tally) -> bool:
    """True where pictures lack, or the last packet ends a second or more before the end that the head declares.

    AVI counts among its pictures empty packets, "the last one again", that nobody hands out: there the end counts.
    """
    if container.format.name == "avi" and stream.average_rate:
        return tally.end < float((stream.frames - 0.5) / stream.average_rate)
    if tally.packets < stream.frames:
        return True
    if not container.duration or not container.format.name.startswith(DECLARING):
        return False
    length = container.duration / 1e6
    return tally.end - (container.start_time or 0) / 1e6 < length - max(1.0, 0.02 * length)
