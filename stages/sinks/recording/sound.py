"""Join the sound of the source to a finished video: bit for bit, or encoded anew where its container takes it not."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fervid.pipeline import temporary
from fervid.stages.sinks.recording.encoder import CONTAINERS, heard
from fervid.stages.sinks.recording.voice import Copied, Encoded, twin
from fervid.stages.sources.decoding import clock
from fervid.stages.sources.decoding.opening import LOCAL

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet as AnyPacket

    from fervid.pipeline.output import Output
    from fervid.pipeline.record import Run

    Packet = AnyPacket[Any]

log = logging.getLogger(__name__)
FITTING = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"},
    ".mkv": {
        *("aac", "ac3", "alac", "eac3", "flac", "mp1", "mp2", "mp3", "opus", "truehd", "tta", "vorbis", "wavpack"),
        *(f"pcm_{kind}" for kind in ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f64le")),
    },
}
"""What players expect in a container, of what PyAV writes into it."""
ENCODERS = {".mp4": "aac", ".mkv": "flac"}
"""What becomes of the rest: what every player knows, or what loses nothing."""
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
"""What says that there is no room for more."""


class Span(NamedTuple):
    """The part of a sound that is taken, in seconds."""

    start: float
    """In the source's time; 0 takes also what a codec needs in front of it."""
    until: float | None
    """After `start`."""

    def holds(self, time: float) -> bool:
        """Whether what is heard so many seconds after `start` belongs to it."""
        return (time >= 0 or not self.start) and (self.until is None or time < self.until)


def join(made: Output, run: Run, end: float) -> None:
    """Bring the source's audio streams into a video; all keep their times.

    Of a run that was stopped, only the sound up to `end` seconds is taken, of a part that of the part. What cannot be
    joined is left out, with a warning.

    Raises:
        OSError: the disk is full, or the file too large.
    """
    assert run.source
    sound, part, path = heard(run.source), made.part, made.path
    wanted = _wanted(sound, path) if sound else {}
    if not sound or not wanted:
        return
    joined = part.with_name(f"{part.name}.sound")
    temporary.create(joined).close()
    source = run.source
    until = end if run.lost.cut == "interrupted" else None if source.end is None else source.end - source.start
    try:
        _copy(part, sound, wanted, joined, path.suffix.lower(), Span(source.start, until))
        joined.replace(part)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        log.warning("%s: its sound could not be joined, so it has none: %s", path, error)
    finally:
        joined.unlink(missing_ok=True)


def _copy(video: Path, sound: Path, wanted: dict[int, bool], joined: Path, suffix: str, span: Span) -> None:
    """Write both into one file; `wanted` says of the numbers of sounds whether their packets are taken as they are."""
    import av

    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    with ExitStack() as stack:
        pictures, sounds = (stack.enter_context(av.open(f"file:{one}", options=LOCAL)) for one in (video, sound))
        made = stack.enter_context(av.open(f"file:{joined}", "w", format=CONTAINERS[suffix], options=options))
        made.metadata.update(pictures.metadata)
        film = twin(made, pictures.streams.video[0])
        shift = clock.start(sounds) - (sounds.start_time or 0) / 1e6 - span.start
        if span.start:
            with suppress(av.error.FFmpegError):  # then it is read from its beginning
                sounds.seek(int(-shift * 1e6))
        voices = [_voice(made, sounds.streams.audio[one], shift, taken, suffix) for one, taken in wanted.items()]
        for packet in merge(_shown(pictures, film), _heard(sounds, voices, span), key=_time):
            made.mux(packet)


def _shown(container: InputContainer, film: Any) -> Iterator[Packet]:
    for packet in container.demux(video=0):
        if packet.size:
            packet.stream = film
            yield packet


def _voice(made: OutputContainer, source: Any, shift: float, taken: bool, suffix: str) -> Copied:
    return Copied(made, source, shift) if taken else Encoded(made, source, shift, ENCODERS[suffix])


def _heard(container: InputContainer, voices: Sequence[Copied], span: Span) -> Iterator[Packet]:
    """What comes of the packets of some streams, as far as they lie in a span."""
    by_stream = {voice.source.index: voice for voice in voices}
    for packet in container.demux(*(voice.source for voice in voices)):
        voice = by_stream[packet.stream.index]
        if packet.size and (time := voice.place(packet)) is not None and span.holds(time):
            yield from voice.take(packet)
    for voice in voices:
        yield from voice.end()


def _time(packet: Packet) -> float:
    told = packet.dts if packet.dts is not None else packet.pts
    return float((told or 0) * packet.time_base)


def _wanted(sound: Path, path: Path) -> dict[int, bool]:
    """The numbers of the source's sounds that can be brought into `path`, and whether as they are."""
    import av

    try:
        with av.open(f"file:{sound}", options=LOCAL) as container:
            contexts = [stream.codec_context for stream in container.streams.audio]
            codecs = [context.codec.canonical_name if context else None for context in contexts]
    except av.error.FFmpegError:
        return {}
    if None in codecs:
        log.warning("%s: its unknown sound is left out, which players do not expect there", path)
    suffix = path.suffix.lower()
    taken = {number: codec in FITTING[suffix] for number, codec in enumerate(codecs) if codec}
    if anew := sorted({codec for codec in codecs if codec and codec not in FITTING[suffix]}):
        how = f"is encoded anew as {ENCODERS[suffix]}, as players do not expect it in {suffix}"
        log.warning("%s: its %s sound %s", path, ", ".join(anew), how)
    return taken
