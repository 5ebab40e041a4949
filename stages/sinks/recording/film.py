"""A video in pieces that are each whole, so that a run can stop between two of them; one file at the end."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.pipeline import temporary
from fervid.pipeline.errors import OutputError
from fervid.pipeline.output import Output
from fervid.pipeline.picture import Picture
from fervid.pipeline.record import Run
from fervid.stages.sinks.recording.encoder import CONTAINERS, TICKS, Encoder, Quality
from fervid.stages.sources.decoding.opening import LOCAL

if TYPE_CHECKING:
    pass


@dataclass(slots=True)
class Pieces:
    """What is finished of a video."""

    width: int = 0
    height: int = 0
    last: int = -1
    """Tick of the last picture."""
    starts: list[int] = field(default_factory=list)
    """Tick at which the time of each finished piece begins."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each."""


class Film:
    """Takes pictures until its `with` ends; the file can be played then, also where the run was stopped.

    The first piece is the file itself, the others lie beside it as `NAME.part.1` and so on.
    """

    def __init__(self, suffix: str, quality: Quality) -> None:
        self.suffix, self.quality = suffix, quality
        self.pieces = Pieces()
        self._unit = TICKS[quality.codec] // 1000 if suffix == ".mkv" else 1
        """Ticks at whose multiples pieces begin: Matroska knows no times between milliseconds."""
        self._made: Output | None = None
        self._run: Run | None = None
        self._encoder: Encoder | None = None

    def to(self, made: Output, run: Run) -> Film:
        """Say where to."""
        self._made, self._run = made, run
        return self

    def __enter__(self) -> Film:
        for number, size in enumerate(self.pieces.sizes):
            piece = self._piece(number)
            if not piece.is_file() or piece.stat().st_size != size:
                raise OutputError(f"{piece}: is not what it was when the run was kept; --restart begins anew")
        for left in self._pieces_from(len(self.pieces.sizes)):
            left.unlink()
        return self

    def write(self, picture: Picture, time: float) -> None:
        """Add a picture."""
        if self._encoder is None:
            self._encoder = self._begin(picture, time)
        self._encoder.write(picture, time)
        self.pieces.last = self._encoder.last

    def cut(self) -> None:
        """Finish a piece."""
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            encoder.__exit__(None, None, None)
            with encoder.part.open("rb") as file:
                os.fsync(file.fileno())
            self.pieces.starts.append(encoder.start)
            self.pieces.sizes.append(encoder.part.stat().st_size)

    @property
    def end(self) -> float:
        """Seconds until which the last picture is shown, were it shown as long as most."""
        assert self._run
        return self.pieces.last / TICKS[self.quality.codec] + 1 / ((self._run.source and self._run.source.fps) or 25)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        assert self._run
        if isinstance(error, OSError) and self._encoder:
            self._encoder.__exit__(kind, error, trace)
            if not self._run.resumable:
                for piece in self._pieces_from(1):
                    piece.unlink()
            return
        self.cut()
        left_as_it_is = self._run.resumable and (error is not None or self._run.interrupted)
        if (len(self.pieces.starts) > 1 or self._run.resumable) and not left_as_it_is:
            self._join()

    def _begin(self, picture: Picture, time: float) -> Encoder:
        assert self._run
        assert self._run.source
        assert self._made
        pieces = self.pieces
        if not pieces.width:
            pieces.width, pieces.height = picture.width, picture.height
        tick = max(round(time * TICKS[self.quality.codec]), pieces.last + 1)
        start = tick // self._unit * self._unit if pieces.starts else 0
        piece = self._piece(len(pieces.starts))
        if pieces.starts:
            temporary.create(piece).close()
        size = pieces.width, pieces.height
        comment = self._made.origin.text
        return Encoder(piece, self.suffix, *size, self._run.source, self.quality, start, pieces.last, comment)

    def _piece(self, number: int) -> Path:
        assert self._made
        part = self._made.part
        return part.with_name(f"{part.name}.{number}") if number else part

    def _pieces_from(self, first: int) -> list[Path]:
        """Those of fervid's that are there, from a number on, the first one of all left out."""
        assert self._made
        assert self._run
        part = self._made.part
        found = part.parent.glob(f"{glob.escape(part.name)}.*")
        numbered = [path for path in found if path.suffix[1:].isdecimal() and int(path.suffix[1:]) >= max(first, 1)]
        return [path for path in numbered if self._run.resumable or temporary.left_over(path)]

    def _join(self) -> None:
        """Make one file of the pieces, packet by packet; they stay until it has its name."""
        assert self._made
        parts = [self._piece(number) for number in range(len(self.pieces.starts))]
        joined = parts[0].with_name(f"{parts[0].name}.joined")
        temporary.create(joined).close()
        try:
            copy_packets(
                list(zip(parts, self.pieces.starts, strict=True)), joined, self.suffix, TICKS[self.quality.codec]
            )
        except BaseException:
            joined.unlink(missing_ok=True)
            raise
        self._made.part, self._made.pieces = joined, parts


def copy_packets(parts: list[tuple[Path, int]], joined: Path, suffix: str, ticks: int) -> None:
    """Copy the packets of videos into one; each lies behind the tick that is given with it.

    Decoding times are made anew: those of two encoders would overlap. The n-th packet is decoded at the n-th
    presentation time, less as many pictures as any is ahead of its turn.
    """
    from fractions import Fraction

    import av

    shown = [tick for part, start in parts for tick in _times(part, start, ticks)]
    decoded = iter(_decoding_times(shown))
    times = iter(shown)
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    with av.open(f"file:{joined}", "w", format=CONTAINERS[suffix], options=options) as container:
        stream: Any = None
        for part, _ in parts:
            with av.open(f"file:{part}", options=LOCAL) as piece:
                if stream is None:
                    container.metadata.update(piece.metadata)
                    stream = container.add_stream_from_template(piece.streams.video[0])
                    stream.time_base = Fraction(1, ticks)
                for packet in piece.demux(video=0):
                    if packet.size:
                        duration = round(float((packet.duration or 0) * packet.time_base) * ticks)
                        packet.pts, packet.dts, packet.duration = next(times), next(decoded), duration
                        packet.time_base, packet.stream = Fraction(1, ticks), stream
                        container.mux(packet)


def _times(part: Path, start: int, ticks: int) -> list[int]:
    import av

    with av.open(f"file:{part}", options=LOCAL) as piece:
        packets = (packet for packet in piece.demux(video=0) if packet.size)
        return [start + round((packet.pts or 0) * packet.time_base * ticks) for packet in packets]


def _decoding_times(shown: list[int]) -> list[int]:
    """Ticks, for pictures in the order of decoding that are shown at these."""
    ordered = sorted(shown)
    rank = {tick: number for number, tick in enumerate(ordered)}
    ahead = max(number - rank[tick] for number, tick in enumerate(shown))
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    early = [ordered[0] - step * (ahead - number) for number in range(ahead)]
    return (early + ordered)[: len(shown)]
