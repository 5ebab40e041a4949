"""Join the sound of the source to a finished video: bit for bit, or encoded anew where its container takes it not."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fervid.pipeline import temporary
from fervid.pipeline.errors import OutputError
from fervid.stages.sinks.recording.encoder import CONTAINERS, TICKS, heard
from fervid.stages.sources.decoding import clock
from fervid.stages.sources.decoding.opening import LOCAL

if TYPE_CHECKING:
    from fervid.pipeline.original import Original
    from fervid.pipeline.output import Output
    from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
FITTING = {".mp4": {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}}
"""What players expect in a container."""
STRANGE = {".mkv": {"adpcm_ima_qt", "mace3", "mace6", "nellymoser", "pcm_bluray", "pcm_dvd", "pcm_s8", "qdm2", "s302m"}}
"""What another one refuses; it takes all else."""
ENCODERS = {".mp4": "aac", ".mkv": "flac"}
"""What becomes of the rest: what every player knows, or what loses nothing."""
A_VOICE = 96
"""Thousand bits a second of AAC, for each channel."""
FULL = ("No space left on device", "File too large", "Disk quota exceeded")
"""What says that there is no room for more."""


class Voice(NamedTuple):
    """One of the source's audio streams."""

    number: int
    """Among them, from 0."""
    options: dict[str, str]
    """Of ffmpeg: how it is brought over."""


def join(made: Output, run: Run, end: float) -> None:
    """Bring the source's audio streams into a video; all keep their times.

    Of a run that was stopped, only the sound up to `end` seconds is taken, of a part that of the part. What cannot be
    joined is left out, with a warning.

    Raises:
        OutputError: the disk is full, or the file too large.
    """
    assert run.source
    sound, part, path = heard(run.source), made.part, made.path
    voices = _voices(sound, path) if sound else []
    if not sound or not voices:
        return
    joined = part.with_name(f"{part.name}.sound")
    temporary.create(joined).close()
    source = run.source
    until = end if run.lost.cut == "interrupted" else None if source.end is None else source.end - source.start
    try:
        cut = _cut(part, sound, source.start, until)
        if trouble := _copy(part, sound, voices, joined, path.suffix.lower(), cut, source.original):
            if full := next((one for one in FULL if one in trouble), None):
                raise OutputError(f"{path}: cannot be written: {full}")
            log.warning("%s: its sound could not be joined, so it has none: %s", path, trouble.splitlines()[-1])
        else:
            joined.replace(part)
    finally:
        joined.unlink(missing_ok=True)


class Cut(NamedTuple):
    """In ffmpeg's words, what of a sound is taken, and where it is put."""

    video: dict[str, str]
    sound: dict[str, str]
    both: dict[str, Any]


def _cut(part: Path, sound: Path, start: float, until: float | None) -> Cut:
    """The sound that belongs to a finished video, which begins at `start` and ends `until` seconds later."""
    both = {} if until is None else {"to": f"{until:.6f}"}
    if not start:
        return Cut({}, {}, {"copyts": None, **both})
    lead = _began(sound) - start
    video = {"itsoffset": f"{_began(part):.6f}"}
    taken = {"itsoffset": f"{lead:.6f}"} if lead > 0 else {"ss": f"{-lead:.6f}"}
    return Cut(video, taken, {"copypriorss": 0, **both})


def _began(path: Path) -> float:
    """Seconds at which its clock begins."""
    import av

    with av.open(f"file:{path}", options=LOCAL) as container:
        return clock.start(container)


def _copy(
    video: Path,
    sound: Path,
    voices: Sequence[Voice],
    joined: Path,
    suffix: str,
    cut: Cut,
    original: Original | None,
) -> str:
    """Run ffmpeg; return what it complained about, if it failed."""
    import ffmpeg
    import imageio_ffmpeg

    options: dict[str, Any] = {"c": "copy", "format": CONTAINERS[suffix], "loglevel": "error", **cut.both}
    if suffix == ".mp4":
        options |= {"movflags": "+faststart", "video_track_timescale": TICKS["h264"]}
    for number, voice in enumerate(voices):
        options |= {f"{key}:a:{number}": value for key, value in voice.options.items()}
    names = {"VIDEO": f"file:{video}", "SOUND": f"file:{sound}", "JOINED": f"file:{joined}"}
    pictures, sounds = ffmpeg.input("VIDEO", **cut.video), ffmpeg.input("SOUND", **LOCAL, **cut.sound)
    streams = [pictures["v:0"], *(sounds[f"a:{voice.number}"] for voice in voices)]
    command = ffmpeg.output(*streams, "JOINED", **options).global_args("-nostdin")
    # A session of its own: Ctrl-C ends the run in order, and must not end this copy.
    how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    how |= {
        "pass_fds": [original.number] if original else [],
        "restore_signals": False,
    }  # a limit is then told in words
    try:
        line = command.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True)
        # ffmpeg-python takes no names that are not UTF-8.
        done = subprocess.run([names.get(word, word) for word in line], check=False, **how)
    except (OSError, RuntimeError) as error:
        return f"ffmpeg cannot be started: {error}"
    return done.stderr.decode(errors="replace").strip() or "no reason given" if done.returncode else ""


def _voices(sound: Path, path: Path) -> list[Voice]:
    """The source's audio streams that can be brought into `path`."""
    import av

    try:
        with av.open(f"file:{sound}", options=LOCAL) as container:
            contexts = [stream.codec_context for stream in container.streams.audio]
            known = [(context.codec.canonical_name, context.channels) if context else None for context in contexts]
    except av.error.FFmpegError:
        return []
    if None in known:
        log.warning("%s: its unknown sound is left out, which players do not expect there", path)
    suffix = path.suffix.lower()
    voices = [Voice(number, _options(*one, suffix)) for number, one in enumerate(known) if one]
    if anew := sorted({one[0] for one in known if one and not _taken(one[0], suffix)}):
        how = f"is encoded anew as {ENCODERS[suffix]}, as players do not expect it in {suffix}"
        log.warning("%s: its %s sound %s", path, ", ".join(anew), how)
    return voices


def _taken(codec: str, suffix: str) -> bool:
    return codec in FITTING[suffix] if suffix in FITTING else codec not in STRANGE[suffix]


def _options(codec: str, channels: int, suffix: str) -> dict[str, str]:
    """Of ffmpeg, for one stream. What is encoded anew keeps its pauses as silence.

    The channels are counted for it, as some codecs do not say which is which, and encoders refuse that.
    """
    if _taken(codec, suffix):
        return {"c": "copy"}
    rate = {"b": f"{channels * A_VOICE}k"} if ENCODERS[suffix] == "aac" else {}
    return {"c": ENCODERS[suffix], "filter": "aresample=async=1", "ac": str(channels), **rate}
