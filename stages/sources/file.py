"""Read one video file: every frame that can be decoded, at the container's own times."""

from __future__ import annotations

import logging
import stat
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,m4v,mxf,apng,mjpeg,h264,hevc"
)
"""Containers that hold their pictures themselves; playlists, which name other files, are not among them."""
MAX_PIXELS = 8192 * 8192


@register("file")
@dataclass(frozen=True)
class File(Stage):
    """Frames of a video file, upright, with the container's timestamps; what is damaged is passed over and counted."""

    path: str
    """The video: mp4, mov, mkv, webm, avi, gif, ts and more."""

    needs = frozenset()
    gives = frozenset({"frames"})
    input: ClassVar[str | None] = "path"

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        path = Path(self.path).absolute()
        _check(path, self.path)
        with _open(path, self.path) as container:
            source = _describe(container, path, self.path)
            source.reopen = lambda: _again(path, self.path, source)
            frame, tally = None, _Tally()
            for frame in _frames(container, source, tally):
                yield frame
            if frame is None:
                raise InputError(f"{self.path}: none of its pictures can be decoded")
            _report(source, frame, tally, container)


@dataclass(slots=True)
class _Tally:
    """Packets that the container delivered; an edit list may hide some of their frames."""

    packets: int = 0


def _check(path: Path, name: str) -> None:
    """Refuse what is no ordinary file before a library waits for it for ever."""
    try:
        mode = path.stat()
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode.st_mode):
        kind = "a folder; `images` reads folders" if stat.S_ISDIR(mode.st_mode) else "no ordinary file"
        raise InputError(f"{name}: is {kind}")
    if not mode.st_size:
        raise InputError(f"{name}: is empty")


def _open(path: Path, name: str) -> av.container.InputContainer:
    import av

    try:
        return av.open(f"file:{path}", options={"protocol_whitelist": "file", "format_whitelist": FORMATS})
    except PermissionError:
        raise InputError(f"{name}: cannot be read: permission denied") from None
    except (av.error.FFmpegError, OSError):
        raise InputError(f"{name}: no video, or one whose index is missing or damaged beyond reading") from None


def _describe(container: av.container.InputContainer, path: Path, name: str) -> Source:
    if not container.streams.video:
        raise InputError(f"{name}: holds no video, only {_kinds(container)}")
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise InputError(f"{name}: its pictures of {width} x {height} are larger than fervid reads")
    rate = stream.average_rate
    return Source(path.stem, width, height, fps=float(rate) if rate else None, path=path, length=_length(container))


def _kinds(container: av.container.InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _length(container: av.container.InputContainer) -> int | None:
    """Frames that the container promises, or an estimate from its duration."""
    stream = container.streams.video[0]
    if stream.frames:
        return int(stream.frames)
    if container.duration and stream.average_rate:
        return round(container.duration / 1e6 * stream.average_rate)
    return None


def _again(path: Path, name: str, source: Source) -> Iterator[Frame]:
    """The same frames once more; their damage was counted before."""
    damaged = source.damaged
    with _open(path, name) as container:
        for frame in _frames(container, source, _Tally()):
            source.damaged = damaged
            yield frame


def _frames(container: av.container.InputContainer, source: Source, tally: _Tally) -> Iterator[Frame]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    last = -1.0
    for index, frame in enumerate(_decoded(container, stream, source, tally)):
        image = _upright(_bgr(frame), frame.rotation)
        if not index:
            source.height, source.width = image.shape[:2]
        time = _time(frame, last, source)
        last = time
        yield Frame(index, time, image, source)


def _time(frame: av.VideoFrame, last: float, source: Source) -> float:
    """The frame's own time; where it has none, one nominal frame after the last."""
    if frame.time is not None:
        return float(frame.time)
    return last + 1 / (source.fps or 25) if last >= 0 else 0.0


def _decoded(
    container: av.container.InputContainer, stream: Any, source: Source, tally: _Tally
) -> Iterator[av.VideoFrame]:
    """Every frame that can be decoded; packets that cannot are counted."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            source.damaged += 1
            return
        tally.packets += packet.size > 0
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            source.damaged += 1


def _bgr(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Height x width x 3; OpenCV converts the usual format in half of swscale's time.

    Both this and the video sink use BT.601 in limited range, so pixels that no stage changes come out as they went in.
    """
    import cv2

    if frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0:
        return cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420)  # type: ignore[return-value]
    return frame.to_ndarray(format="bgr24")  # type: ignore[return-value]


def _upright(image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """Turn as the camera's note says; `rotation` counts degrees against the clock."""
    import numpy as np

    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _report(source: Source, last: Frame, tally: _Tally, container: av.container.InputContainer) -> None:
    """Say what of the file was lost."""
    if source.damaged:
        log.warning("%s: %d damaged packets were passed over", source.name, source.damaged)
    promised = container.streams.video[0].frames
    if tally.packets < promised:
        source.cut = source.cut or "truncated"
        whole = (container.duration or 0) / 1e6
        log.warning(
            "%s: cut short: %d of %d frames, %.1f of %.1f s", source.name, last.index + 1, promised, last.time, whole
        )
