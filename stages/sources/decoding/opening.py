"""Open a video file so that it can neither hang the run, nor name other files, nor fill the memory."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fervid.pipeline.endings import PICTURES
from fervid.pipeline.errors import InputError
from fervid.stages.sources.decoding.pixels import MAX_PIXELS, SIDE

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,m4v,mxf,apng,mjpeg,h264,hevc"
)
"""Containers that hold their pictures themselves; playlists, which name other files, are not among them."""
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

    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        return av.open(f"file:{path}", options=options)
    except PermissionError:
        raise InputError(f"{name}: cannot be read: permission denied") from None
    except (av.error.FFmpegError, OSError):
        if path.suffix.lower() in PICTURES:
            raise InputError(f"{name}: is a picture; the `images` source reads pictures and folders of them") from None
        raise InputError(f"{name}: no video, or one whose index is missing or damaged beyond reading") from None


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream of pictures to read, ready to be decoded on all cores; the cover of a song is none.

    Raises:
        InputError: there is none, nothing decodes it, or its pictures are too large.
    """
    stream: Any = container.streams.best("video")
    if stream is None or int(stream.disposition) & COVER:
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
