"""Open a video file so that it can neither hang the run, nor name other files, nor fill the memory."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fervid.pipeline.endings import PICTURES
from fervid.pipeline.errors import InputError
from fervid.stages.sources.decoding.clock import FASTEST
from fervid.stages.sources.decoding.pixels import MAX_PIXELS, SIDE

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

RAW = ("h264", "hevc", "vvc", "mpegvideo", "m4v", "mjpeg", "h263", "obu", "vc1", "dirac", "cavsvideo")
"""Streams without a container, and so without times."""
FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "gif", "mpegts", "mpeg", "flv", "asf"),
    *("ogg", "ivf", "mxf", "apng", "dv", "yuv4mpegpipe", "nut", "wtv", "gxf", "rm", "nsv", "dhav", *RAW),
)
"""What is read holds its pictures itself; playlists, which name other files, are not among them."""
LOCAL = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
"""What FFmpeg is told wherever a file is opened: to open no other, and nothing over a network."""
BY_NAME = {".mjpeg": "mjpeg", ".mjpg": "mjpeg"}
"""Formats that only the ending tells: the first picture of raw Motion JPEG looks like any JPEG."""
PHONES = ("heic", "heix", "mif1", "avif", "avis")
"""Brands of MP4 that hold pictures, in tiles."""
PICTURE = "is a picture; the `images` source reads pictures and folders of them"
ANOTHER = "ffmpeg puts what is in it into one that is: ffmpeg -i FILE -c copy FILE.mkv"
ASSUMED = 25.0
"""Pictures a second where a raw stream does not tell."""
COVER = 1024
"""The container's mark of a picture that goes with music."""


def check(path: Path, name: str) -> None:
    """Refuse what is no ordinary file before a library waits for it for ever."""
    try:
        state = path.stat()
    except FileNotFoundError:
        what = "is a URL; `rtsp` reads cameras, `file` only files" if "://" in name else "no such file"
        raise InputError(f"{name}: {what}") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{name!r}: is no file name") from None
    if not stat.S_ISREG(state.st_mode):
        folder = "a folder; `fervid batch` reads its videos, `images` its pictures"
        kind = folder if stat.S_ISDIR(state.st_mode) else "no ordinary file"
        raise InputError(f"{name}: is {kind}")
    if not state.st_size:
        raise InputError(f"{name}: is empty")


def open_video(path: Path, name: str) -> InputContainer:
    """The container; closing it is the caller's.

    Raises:
        InputError: it is no video, or damaged beyond reading.
    """
    import av

    try:
        container = av.open(f"file:{path}", format=BY_NAME.get(path.suffix.lower()), options=LOCAL)
    except PermissionError:
        raise InputError(f"{name}: cannot be read: permission denied") from None
    except (av.error.FFmpegError, OSError) as error:
        if path.suffix.lower() in PICTURES:
            raise InputError(f"{name}: {PICTURE}") from None
        if isinstance(error, av.error.ArgumentError):
            raise InputError(f"{name}: this container is not taken; {ANOTHER}") from None
        raise InputError(f"{name}: no video, or one whose index is missing or damaged beyond reading") from None
    if container.metadata.get("major_brand", "").strip() in PHONES:
        container.close()
        raise InputError(f"{name}: {PICTURE}")
    return container


def video_stream(container: InputContainer, name: str, track: int | None = None) -> VideoStream:
    """The stream of pictures to read, ready to be decoded on all cores; the cover of a song is none.

    `track` is its number among those of pictures, from 1; None leaves the choice to FFmpeg.

    Raises:
        InputError: there is none, nothing decodes it, or its pictures are too large.
    """
    streams = tracks(container)
    if track is not None and track > len(streams):
        raise InputError(f"{name}: has no video track {track}: it holds {len(streams)}")
    best: Any = container.streams.best("video")
    stream: Any = streams[track - 1] if track else best
    if stream is None or stream not in streams:
        kinds = {other.type for other in container.streams} - {"video"}
        raise InputError(f"{name}: holds no video, only {', '.join(sorted(kinds)) or 'nothing'}")
    if stream.codec_context is None:
        raise InputError(f"{name}: its video is in a format that cannot be decoded here")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise InputError(f"{name}: its pictures of {width} x {height} are larger than fervid reads ({SIDE} x {SIDE})")
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return cast("VideoStream", stream)


def tracks(container: InputContainer) -> list[Any]:
    """The streams of pictures that move."""
    return [stream for stream in container.streams.video if not int(stream.disposition) & COVER]


def pace(container: InputContainer, stream: VideoStream, name: str, wish: float | None) -> float | None:
    """Pictures a second of a raw stream: as wished, as its header says, or 25; None of any other.

    Raises:
        InputError: a rate is wished for what has times of its own.
    """
    if container.format.name not in RAW:
        if wish:
            raise InputError(f"{name}: has times of its own; `rate` is for raw streams, leave it out")
        return None
    told = stream.codec_context.framerate
    return wish or (float(told) if told and told <= FASTEST else ASSUMED)
