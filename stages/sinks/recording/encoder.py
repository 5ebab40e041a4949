"""A video file in the making, every picture at its own time."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fervid.pipeline.errors import OutputError
from fervid.pipeline.frame import Source
from fervid.pipeline.picture import Picture
from fervid.stages.sinks.recording.pixels import planes
from fervid.stages.sources.decoding.opening import LOCAL

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}
TICKS = {"h264": 360_000, "mpeg4": 60_000}
"""Ticks a second. Those of H.264 hold 24, 25 and 30 frames a second, the same / 1.001, milliseconds and 1/90000 s
exactly; MPEG-4 allows 65,535 at most."""
LARGEST = {"h264": 16_384, "mpeg4": 8_190}
"""Pixels a side."""
LIMITED, BT709, BT601, RGB = 1, 1, 6, 0
"""Numbers of ISO/IEC 23091-2, and FFmpeg's for the range."""


class Quality(NamedTuple):
    """What the encoder is asked for."""

    codec: str
    preset: str
    crf: int

    @property
    def options(self) -> dict[str, str]:
        """In FFmpeg's words; MPEG-4's quantiser gets the step size that H.264 has at this crf."""
        if self.codec == "h264":
            return {"preset": self.preset, "crf": str(self.crf)}
        scale = str(min(31, max(1, round(0.3125 * 2 ** (self.crf / 6)))))
        return {"qmin": scale, "qmax": scale}


class Encoder:
    """Takes pictures until its `with` ends; the file can be played then, also where the run was stopped.

    Raises:
        OutputError: the codec holds no pictures of that size.
    """

    def __init__(
        self,
        part: Path,
        suffix: str,
        width: int,
        height: int,
        source: Source,
        quality: Quality,
        start: int = 0,
        last: int = -1,
        comment: str = "",
    ) -> None:
        """`start` is the tick at which the file's own time begins, `last` that of the picture before."""
        import av

        if max(width, height) > (most := LARGEST[quality.codec]):
            raise OutputError(f"{part.stem}: holds pictures of at most {most} pixels a side, not {width} x {height}")
        self.part, self.width, self.height = part, width, height
        self.tick = Fraction(1, TICKS[quality.codec])
        self.start, self.last = start, last
        options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
        self.container = av.open(f"file:{part}", "w", format=CONTAINERS[suffix], options=options)
        self.container.metadata["comment"] = comment
        name = "libx264" if quality.codec == "h264" else "mpeg4"
        rate = Fraction(source.fps or 25).limit_denominator(1001)
        stream: Any = self.container.add_stream(name, rate=rate, options=quality.options)
        self.stream = stream
        self.stream.width, self.stream.height = width + width % 2, height + height % 2
        self.stream.pix_fmt = "yuv420p"
        self.stream.time_base = self.stream.codec_context.time_base = self.tick
        _name_colors(self.stream.codec_context, source)

    def write(self, picture: Picture, time: float) -> None:
        """Add a picture; two never share a tick.

        Raises:
            OutputError: the container cannot hold pictures so far apart.
        """
        frame = _frame(planes(picture, self.width, self.height))
        self.last = max(round(time / self.tick), self.last + 1)
        frame.pts = self.last - self.start
        frame.time_base = self.tick
        self._encode(frame)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        import av

        try:
            self.container.mux(self.stream.encode(frame))
        except av.error.PatchWelcomeError:
            raise OutputError(f"{self.part.stem}: cannot hold pictures that lie this far apart; write .mkv") from None

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Finish the file; what a full disk cut off cannot be played and goes."""
        try:
            if not isinstance(error, OSError):
                self._encode(None)
            self.container.close()
        except OSError:
            self.part.unlink(missing_ok=True)
            if error is None:
                raise
        if isinstance(error, OSError):
            self.part.unlink(missing_ok=True)


def _frame(image: NDArray[np.uint8]) -> av.VideoFrame:
    """Without a copy, where PyAV reads the planes rightly: it takes 405 rows of 270 lines for those of 268."""
    import av

    whole = image.shape[0] % 6 == 0
    make = av.VideoFrame.from_numpy_buffer if whole else av.VideoFrame.from_ndarray
    return make(image, "yuv420p")


def heard(source: Source) -> Path | None:
    """The file that is read, by a name that no other file can take meanwhile; None where it is no file."""
    return source.file.absolute() if source.file and source.file.is_file() else None


def _name_colors(context: Any, source: Source) -> None:
    """Say what the numbers mean, so that players show the right colours.

    Sources read every file with BT.601's matrix and this sink writes with it, so a file's numbers come out as they went
    in, and its own names hold. Pictures that were RGB before, or that a camera gave, are BT.601 by this sink's doing.
    """
    names = (BT601, BT709, BT709)
    if (file := heard(source)) is not None:
        import av

        with suppress(av.error.FFmpegError), av.open(f"file:{file}", options=LOCAL) as container:
            of = container.streams.video[source.track].codec_context
            if of.colorspace != RGB and of.format and not of.format.is_rgb:
                names = (int(of.colorspace), int(of.color_primaries), int(of.color_trc))
    context.colorspace, context.color_primaries, context.color_trc = names
    context.color_range = LIMITED
