"""Join the sound of the source to a finished video, bit for bit."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.pipeline import temporary
from fervid.pipeline.errors import OutputError
from fervid.stages.sinks.recording.encoder import CONTAINERS, LOCAL, TICKS, heard

if TYPE_CHECKING:
    from fervid.pipeline.original import Original
    from fervid.pipeline.output import Output
    from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
FITTING = {".mp4": {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}}
"""What players expect in a container; Matroska holds everything."""
FULL = "No space left on device"


def join(made: Output, run: Run, end: float) -> None:
    """Copy the source's audio streams into a video; all keep their times.

    Of a run that was stopped, only the sound up to `end` seconds is taken. What cannot be joined is left out, with a
    warning.

    Raises:
        OutputError: the disk is full.
    """
    assert run.source
    sound, part, path = heard(run.source), made.part, made.path
    voices = _fitting(sound, path) if sound else []
    if not sound or not voices:
        return
    joined = part.with_name(f"{part.name}.sound")
    temporary.create(joined).close()
    stopped = {"to": f"{end:.6f}"} if run.lost.cut == "interrupted" else {}
    try:
        if trouble := _copy(part, sound, voices, joined, path.suffix.lower(), stopped, run.source.original):
            if FULL in trouble:
                raise OutputError(f"{path}: cannot be written: {FULL}")
            log.warning("%s: its sound could not be joined, so it has none: %s", path, trouble.splitlines()[-1])
        else:
            joined.replace(part)
    finally:
        joined.unlink(missing_ok=True)


def _copy(
    video: Path,
    sound: Path,
    voices: Sequence[int],
    joined: Path,
    suffix: str,
    limits: dict[str, str],
    original: Original | None,
) -> str:
    """Run ffmpeg; return what it complained about, if it failed."""
    import ffmpeg
    import imageio_ffmpeg

    options: dict[str, Any] = {"c": "copy", "copyts": None, "format": CONTAINERS[suffix], "loglevel": "error", **limits}
    if suffix == ".mp4":
        options |= {"movflags": "+faststart", "video_track_timescale": TICKS["h264"]}
    files = {"VIDEO": f"file:{video}", "SOUND": f"file:{sound}", "JOINED": f"file:{joined}"}
    """Put in at last: ffmpeg-python takes no name that is not UTF-8."""
    pictures, heard = ffmpeg.input("VIDEO"), ffmpeg.input("SOUND", **LOCAL)
    streams = [pictures["v:0"], *(heard[f"a:{number}"] for number in voices)]
    command = ffmpeg.output(*streams, "JOINED", **options).global_args("-nostdin")
    # A session of its own: Ctrl-C ends the run in order, and must not end this copy.
    how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    how["pass_fds"] = [original.number] if original else []
    try:
        line = command.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
        done = subprocess.run([files.get(word, word) for word in line], check=False, **how)
    except (OSError, RuntimeError) as error:
        return f"ffmpeg cannot be started: {error}"
    return done.stderr.decode(errors="replace").strip() or "no reason given" if done.returncode else ""


def _fitting(sound: Path, path: Path) -> list[int]:
    """Which of the source's audio streams, counted from 0, `path` can hold."""
    import av

    try:
        with av.open(f"file:{sound}", options=LOCAL) as container:
            contexts = [stream.codec_context for stream in container.streams.audio]
            codecs = [context.codec.canonical_name if context else "unknown" for context in contexts]
    except av.error.FFmpegError:
        return []
    known = FITTING.get(path.suffix.lower(), set(codecs) - {"unknown"})
    if strange := set(codecs) - known:
        words, advice = ", ".join(sorted(strange)), "; write .mkv" if strange != {"unknown"} else ""
        log.warning("%s: its %s sound is left out, which players do not expect there%s", path, words, advice)
    return [number for number, codec in enumerate(codecs) if codec in known]
