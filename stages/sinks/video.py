"""Write the pictures as a video that any player shows, at the frames' own times, with the source's sound."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.output import output, resolve
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}
SOUND = {".mp4": {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}}
"""What a container can hold of sound; Matroska holds everything."""
TICKS = {"h264": 360_000, "mpeg4": 60_000}
"""Ticks a second: 24, 25, 30, 24000/1001 and 30000/1001 frames a second fall on whole ticks of H.264's."""


@register("video")
@dataclass(frozen=True)
class Video(Stage):
    """An annotated copy: H.264 or MPEG-4, each frame at its own time, the source's sound copied bit for bit."""

    path: str = "out/{name}.mp4"
    """Where to write, as .mp4 or .mkv; {name} is the input's name. Matroska rounds times to milliseconds."""
    codec: Literal["h264", "mpeg4"] = "h264"
    """mpeg4 is faster to make and much larger."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "veryfast"
    """Of h264: slower makes smaller files."""
    crf: Annotated[int, Ge(0), Le(51)] = 23
    """Of h264: quality, from 0 (without loss) to 51; 18 looks like the source."""
    audio: bool = True
    """Copy the source's sound."""

    detached: ClassVar[bool] = True
    output: ClassVar[str | None] = "path"

    def __post_init__(self) -> None:
        if Path(self.path).suffix.lower() not in CONTAINERS:
            raise ConfigError(f"{self.path}: a video is written as .mp4 or .mkv")

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None:
            return
        path, source = resolve(self.path, frame.source), frame.source
        with output(path, source) as part:
            with _Encoder(part, path.suffix.lower(), frame, self) as encoder:
                while frame is not None:
                    encoder.write(frame.image, frame.time)
                    yield frame
                    frame = next(stream, None)
            if self.audio and source.path and source.path.is_file():
                _add_sound(part, path, source)

    @property
    def encoder_options(self) -> dict[str, str]:
        return {"preset": self.preset, "crf": str(self.crf)} if self.codec == "h264" else {"qscale": "5"}


class _Encoder:
    """A video file in the making; closing it makes it playable."""

    def __init__(self, part: Path, suffix: str, first: Frame, stage: Video) -> None:
        import av

        height, width = first.image.shape[:2]
        self.size = (width, height)
        self.ticks = TICKS[stage.codec]
        self.last = -1
        options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
        self.container = av.open(f"file:{part}", "w", format=CONTAINERS[suffix], options=options)
        rate = Fraction(first.source.fps or 25).limit_denominator(1001)
        name = "libx264" if stage.codec == "h264" else "mpeg4"
        stream: Any = self.container.add_stream(name, rate=rate, options=stage.encoder_options)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, self.ticks)
        self.stream = stream
        self.part = part

    def __enter__(self) -> _Encoder:
        return self

    def write(self, image: NDArray[np.uint8], time: float) -> None:
        import av

        frame = av.VideoFrame.from_ndarray(_planes(_fit(image, self.size)), format="yuv420p")
        frame.pts = self.last = max(round(time * self.ticks), self.last + 1)
        frame.time_base = Fraction(1, self.ticks)
        self.container.mux(self.stream.encode(frame))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Finish the file, also where the run was stopped; what a full disk cut off is of no use and goes."""
        try:
            if not isinstance(error, OSError):
                self.container.mux(self.stream.encode())
            self.container.close()
        except OSError:
            with suppress(OSError):
                self.part.unlink()
            if error is None:
                raise
        if isinstance(error, OSError):
            self.part.unlink(missing_ok=True)


def _fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture in the first one's size, bars around it where its shape differs; even sides, as H.264 needs."""
    import cv2

    width, height = size
    if image.shape[:2] != (height, width):
        factor = min(width / image.shape[1], height / image.shape[0])
        inner = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        image = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        right, bottom = width - inner[0] - left, height - inner[1] - top
        image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
    if width % 2 or height % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return image


def _planes(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Y, U and V below each other; the inverse of what the file source does."""
    import cv2

    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)  # type: ignore[return-value]


def _add_sound(part: Path, path: Path, source: Source) -> None:
    """Join the source's audio streams by copy; a run without ffmpeg's help would have to re-encode them."""
    import ffmpeg
    import imageio_ffmpeg

    if not _can_hold(path, source):
        return
    joined = part.with_name(f"{part.name}.sound")
    video, sound = ffmpeg.input(f"file:{part}"), ffmpeg.input(f"file:{source.path.absolute()}" if source.path else "")
    options: dict[str, Any] = {"c": "copy", "copyts": None, "format": CONTAINERS[path.suffix.lower()]}
    if path.suffix.lower() == ".mp4":
        options |= {"movflags": "+faststart", "video_track_timescale": 360_000}
    command = ffmpeg.output(video["v:0"], sound["a"], f"file:{joined}", **options).global_args("-nostdin")
    line = command.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
    try:
        done = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise OutputError(f"{path}: the sound could not be joined: {' '.join(reason)}; try `audio: false`")
        joined.replace(part)
    finally:
        joined.unlink(missing_ok=True)


def _can_hold(path: Path, source: Source) -> bool:
    import av

    with av.open(f"file:{source.path}", options={"protocol_whitelist": "file"}) as container:
        codecs = {stream.codec_context.name for stream in container.streams.audio}
    odd = codecs - SOUND.get(path.suffix.lower(), codecs)
    if odd:
        log.warning(
            "%s: %s cannot hold %s sound, so it has none; write .mkv", path, path.suffix, ", ".join(sorted(odd))
        )
    return bool(codecs) and not odd
