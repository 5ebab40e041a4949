"""Make one clip into what benchmarks read: of another size, with more faces, of another length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

REPEATS = 10_000


def made(clip: Path, folder: Path, *, height: int = 360, faces: int = 1, frames: int | None = None) -> Path:
    """The clip `height` pixels high, shown in a square of as many tiles as `faces` says, as H.264 without sound.

    Of so many frames, again and again from its beginning where that is needed; of its own length without `frames`.
    One that lies in the folder already is taken.
    """
    out = folder / f"{height}p_{faces}_{frames or 'all'}.mp4"
    if out.exists():
        return out
    loops = {"stream_loop": REPEATS} if frames else {}
    limit: dict[str, Any] = {"vframes": frames} if frames else {}
    stream = _tiled(ffmpeg.input(str(clip), **loops).video, height, round(faces**0.5))
    settings = {"vcodec": "libx264", "crf": 20, "preset": "veryfast", "pix_fmt": "yuv420p", **limit}
    part = out.with_suffix(".part.mp4")
    _run(stream.output(str(part), **settings))
    return part.rename(out)


def repeated(clip: Path, out: Path, times: int = 200) -> None:
    """The clip again and again, by stream copy."""
    _run(ffmpeg.input(str(clip), stream_loop=times).video.output(str(out), c="copy"))


def _tiled(stream: Any, height: int, side: int) -> Any:
    """A square of `side` x `side` tiles, each the whole picture."""
    stream = stream.filter("scale", -2, height // side // 2 * 2)
    for stack in ("hstack", "vstack") if side > 1 else ():
        copies = stream.filter_multi_output("split", side)
        stream = ffmpeg.filter([copies[number] for number in range(side)], stack, inputs=side)
    return stream


def _run(output: Any) -> None:
    output.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True, overwrite_output=True)
