"""Get every picture out of a video that can be got, each at its own time, and know what was lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from fervid.stages.sources.decoding.clock import Clock

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    Packet = av.Packet[Any]

STUMBLES = 10
"""Errors of the container in a row, without a packet between them, after which it is left."""


@dataclass(slots=True)
class Tally:
    """What came out of a container."""

    packets: int = 0
    """Of pictures, those that an edit hides included."""
    hidden: int = 0
    """Packets that an edit hides."""
    damaged: int = 0
    """Packets that could not be read or decoded, and pictures that came out with faults."""
    end: float = 0.0
    """Seconds at which the last packet ends, sound included."""
    newest: int | None = None
    """Decoding time of the last packet of pictures, in ticks."""

    def count(self, packet: Packet, after: int | None) -> None:
        """Count a packet of pictures, but for those up to `after`, which were counted before."""
        if after is None or packet.dts is None or packet.dts > after:
            self.packets += 1
            self.hidden += packet.is_discard
            self.newest = packet.dts if self.newest is None else max(self.newest, packet.dts or self.newest)


@dataclass
class Place:
    """A picture in a video, so that it can be found again."""

    picture: av.VideoFrame | None = None
    ticks: int | None = None
    """Its presentation time."""
    checksum: int = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"ticks": self.picture.pts, "checksum": _checksum(self.picture)} if self.picture else {}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.ticks, self.checksum = kept["ticks"], kept["checksum"]


def behind(
    container: InputContainer, stream: VideoStream, clock: Clock, tally: Tally, place: Place
) -> Iterator[av.VideoFrame] | None:
    """The pictures behind a place, from the nearest one that can be decoded alone; None where it is not found again.

    Where packets were damaged before it, or times are guesses, only reading all of it gives the same pictures.
    """
    if place.ticks is None or tally.damaged or clock.guessing:
        return None
    container.seek(place.ticks, stream=stream)
    pictures = decoded(container, stream, tally, tally.newest)
    found = at(place.ticks, pictures)
    return pictures if found and _checksum(found) == place.checksum else None


def at(ticks: int, pictures: Iterator[av.VideoFrame]) -> av.VideoFrame | None:
    """The picture that is shown then, the next ones left where they are; None where there is none."""
    for picture in pictures:
        if picture.pts is None or picture.pts >= ticks:
            return picture if picture.pts == ticks else None
    return None


def _checksum(picture: av.VideoFrame) -> int:
    return zlib.crc32(picture.planes[0])


def decoded(
    container: InputContainer, stream: VideoStream, tally: Tally, after: int | None = None
) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded, in the order of showing; packets up to `after` (in ticks) are not counted."""
    import av

    for packet in chain(_but_a_broken_end(packets(container, stream, tally, after), tally), [None]):
        try:
            for picture in stream.decode(packet):
                tally.damaged += picture.is_corrupt
                yield picture
        except av.error.FFmpegError:
            tally.damaged += 1


def _but_a_broken_end(packets: Iterator[Packet], tally: Tally) -> Iterator[Packet]:
    """Leave out a last packet that was cut: its error would end the decoding of those still under way."""
    held = next(packets, None)
    for packet in packets:
        if held is not None:
            yield held
        held = packet
    if held is not None and held.is_corrupt:
        tally.damaged += 1
    elif held is not None:
        yield held


def packets(container: InputContainer, stream: VideoStream, tally: Tally, after: int | None = None) -> Iterator[Packet]:
    """The packets of pictures; goes on behind what the container cannot read."""
    import av

    stumbles = 0
    while stumbles < STUMBLES:
        try:
            for packet in container.demux():
                stumbles = 0
                if packet.size:
                    tally.end = max(tally.end, _end(packet))
                    if packet.stream_index == stream.index:
                        tally.count(packet, after)
                        yield packet
            return
        except (av.error.FFmpegError, IndexError):  # IndexError: damage that looks like a new stream
            stumbles += 1
            tally.damaged += stumbles == 1


def _end(packet: Packet) -> float:
    start = packet.dts if packet.pts is None else packet.pts
    return 0.0 if start is None else float((start + (packet.duration or 0)) * packet.time_base)
