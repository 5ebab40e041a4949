"""Join the sound of the source to a finished video, bit for bit."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.pipeline.errors import OutputError
from fervid.stages.sinks.recording.encoder import CONTAINERS, LOCAL, TICKS

if TYPE_CHECKING:
    from fervid.pipeline.frame import Source

log = logging.getLogger(__name__)
FITTING = {".mp4": {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}}
"""What players expect in a container; Matroska holds everything."""
FULL = "No space left on device"


def join(part: Path, path: Path, source: Source, end: float) -> None:
    """Copy the source's audio streams into the file `part`, which will be `path`; all keep their times.

    Of a run that was stopped, only the sound up to `end` seconds is taken. What cannot be joined is left out, with a
    warning.

    Raises:
        OutputError: the disk is full.
    """
    if not source.path or not source.path.is_file() or not _fits(source.path, path):
        return
    joined = part.with_name(f"{part.name}.sound")
    stopped = {"to": f"{end:.6f}"} if source.cut == "interrupted" else {}
    try:
        if trouble := _copy(part, source.path.absolute(), joined, path.suffix.lower(), stopped):
            if FULL in trouble:
                raise OutputError(f"{path}: cannot be written: {FULL}")
            log.warning("%s: its sound could not be joined, so it has none: %s", path, trouble.splitlines()[-1])
        else:
            joined.replace(part)
    finally:
        joined.unlink(missing_ok=True)


def _copy(video: Path, sound: Path, joined: Path, suffix: str, limits: dict[str, str]) -> str:
    """Run ffmpeg; return what it complained about, if it failed."""
    import ffmpeg
    import imageio_ffmpeg

    options: dict[str, Any] = {"c": "copy", "copyts": None, "format": CONTAINERS[suffix], "loglevel": "error", **limits}
    if suffix == ".mp4":
        options |= {"movflags": "+faststart", "video_track_timescale": TICKS["h264"]}
    pictures = ffmpeg.input(f"file:{video}")
    voices = ffmpeg.input(f"file:{sound}", protocol_whitelist="file")
    command = ffmpeg.output(pictures["v:0"], voices["a"], f"file:{joined}", **options).global_args("-nostdin")
    line = command.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
    # A session of its own: Ctrl-C ends the run in order, and must not end this copy.
    done = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, start_new_session=True)
    return done.stderr.decode(errors="replace").strip() or "no reason given" if done.returncode else ""


def _fits(sound: Path, path: Path) -> bool:
    """Whether there is sound, and `path` can hold it."""
    import av

    try:
        with av.open(f"file:{sound}", options=LOCAL) as container:
            codecs = {stream.codec_context.codec.canonical_name for stream in container.streams.audio}
    except av.error.FFmpegError:
        return False
    strange = codecs - FITTING.get(path.suffix.lower(), codecs)
    if strange:
        words = ", ".join(sorted(strange))
        log.warning("%s: %s cannot hold %s sound, so it has none; write .mkv", path, path.suffix, words)
    return bool(codecs) and not strange
