"""Read one video file: every frame that can be decoded, at the container's own times."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.opening import check, open_video, video_stream
from fervid.stages.sources.decoding.pixels import SIDE, bgr, square, upright
from fervid.stages.sources.decoding.reading import Clock, Tally, decoded

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)
DECLARING = ("matroska", "mov", "flv", "asf")
"""Containers whose head says how long they are; of others the length is where they end, cut short or not."""


@register("file")
@dataclass(frozen=True)
class File(Stage):
    """Frames of a video file, upright, in square pixels, at the times of the container; what is damaged is counted.

    Times grow from frame to frame: where the container puts a picture before the last one, it follows 1 ms behind.
    """

    path: str
    """The video: mp4, mov, mkv, webm, avi, gif, ts and more."""

    needs = frozenset()
    gives = frozenset({"frames"})
    input: ClassVar[str | None] = "path"

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        path = Path(self.path).absolute()
        check(path, self.path)
        with open_video(path, self.path) as container:
            stream = video_stream(container, self.path)
            source = _describe(container, stream, path)
            source.reopen = lambda: _again(path, source)
            clock, tally = Clock(container, stream), Tally()
            frame = None
            for frame in _frames(container, stream, source, clock, tally):
                source.damaged = tally.damaged
                yield frame
            if frame is None:
                raise InputError(f"{self.path}: none of its pictures can be decoded, up to {SIDE} x {SIDE} pixels")
            source.damaged = tally.damaged
            _report(container, stream, frame, clock, tally)


def _describe(container: InputContainer, stream: VideoStream, path: Path) -> Source:
    rate = stream.average_rate
    length = stream.frames or None
    if length is None and container.duration and rate:
        length = round(container.duration / 1e6 * rate)
    width, height = stream.codec_context.width, stream.codec_context.height
    return Source(path.stem, width, height, fps=float(rate) if rate else None, path=path, length=length)


def _frames(
    container: InputContainer, stream: VideoStream, source: Source, clock: Clock, tally: Tally
) -> Iterator[Frame]:
    for index, picture in enumerate(decoded(container, stream, tally)):
        image = upright(square(bgr(picture), stream.sample_aspect_ratio), picture.rotation)
        if not index:
            source.height, source.width = image.shape[:2]
        yield Frame(index, clock.time(picture), image, source)


def _again(path: Path, source: Source) -> Iterator[Frame]:
    """The same frames once more; their damage was counted before."""
    with open_video(path, str(path)) as container:
        stream = video_stream(container, str(path))
        yield from _frames(container, stream, source, Clock(container, stream), Tally())


def _report(container: InputContainer, stream: VideoStream, last: Frame, clock: Clock, tally: Tally) -> None:
    """Say what of the file was lost."""
    source, read = last.source, last.index + 1
    of = f"{read} of {stream.frames - tally.hidden}" if stream.frames else str(read)
    seconds = (container.duration or 0) / 1e6
    if _ends_early(container, stream, tally):
        source.cut = "truncated"
        log.warning("%s: cut short: %s frames, %.1f of %.1f s", source.name, of, last.time, seconds)
    if tally.damaged:
        log.warning("%s: %d damaged packets were passed over; %s frames could be read", source.name, tally.damaged, of)
    if clock.missing and not tally.damaged and not stream.frames:
        source.provenance["missing_frames"] = clock.missing
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
