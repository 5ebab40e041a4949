"""Write the pictures as a video that any player shows, at the frames' own times, with the source's sound."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from fervid.pipeline.errors import ConfigError
from fervid.pipeline.frame import Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.roles import Writes
from fervid.pipeline.stage import Stage, register
from fervid.stages.sinks.recording.encoder import CONTAINERS, Quality
from fervid.stages.sinks.recording.film import Film
from fervid.stages.sinks.recording.sound import join
from fervid.stages.sinks.recording.tag import TAG


@register("video")
@dataclass(frozen=True)
class Video(Stage):
    """An annotated copy: H.264 or MPEG-4, each frame at its own time, the source's sound bit for bit where it can be.

    Pictures of another size than the first are fitted into it. Odd sizes grow by one pixel, as the codecs need.
    """

    path: Annotated[str, Writes(record=TAG)] = "out/{name}.mp4"
    """Where to write, as .mp4 or .mkv; {name} is the input's name, {time} when it was opened. Matroska rounds times to
    milliseconds."""
    codec: Literal["h264", "mpeg4"] = "h264"
    """mpeg4 is faster to make and much larger."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "veryfast"
    """Of h264: slower makes smaller files."""
    crf: Annotated[int, Ge(0), Le(51)] = 23
    """Quality, from 0 (best; of h264 without loss) to 51; 18 looks like the source."""
    audio: bool = True
    """Bring the source's sound over; what .mp4 or .mkv does not take is encoded anew."""

    detached: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if Path(self.path).suffix.lower() not in CONTAINERS:
            raise ConfigError(f"{self.path}: a video is written as .mp4 or .mkv")

    def run(self, frames: Frames) -> Generator[Frame]:
        film = Film(Path(self.path).suffix.lower(), Quality(self.codec, self.preset, self.crf))
        pieces = frames.keep(film.pieces, film.cut)
        stream, run = iter(frames), frames.run
        frame = next(stream, None)
        if frame is None and not pieces.starts:
            return
        with run.output(self.path, record=TAG) as made:
            with film.to(made, run):
                while frame is not None:
                    film.write(frame.picture, frame.time - frame.source.start)
                    yield frame
                    frame = next(stream, None)
            if self.audio and not (run.interrupted and run.resumable):
                join(made, run, film.end)
