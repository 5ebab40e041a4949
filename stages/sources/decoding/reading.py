"""Get every picture out of a video that can be got, each at its own time, and know what was lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    Packet = av.Packet[Any]

STUMBLES = 10
"""Errors of the container in a row, without a packet between them, after which it is left."""
TICK = 0.001
"""Seconds that a picture lies behind the one before where the container puts it earlier."""
JUMP = 1.0
"""Seconds backwards from which the recorder's clock was set anew, as in files that were joined."""


@dataclass(slots=True)
class Tally:
    """What came out of a container."""

    packets: int = 0
    """Of pictures, those that an edit hides included."""
    hidden: int = 0
    """Packets that an edit hides."""
    damaged: int = 0
    """Packets that could not be read or decoded."""
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
    if place.ticks is None or tally.damaged or clock.avi or clock.assumed:
        return None
    container.seek(place.ticks, stream=stream)
    pictures = decoded(container, stream, tally, tally.newest)
    for picture in pictures:
        if picture.pts == place.ticks and _checksum(picture) == place.checksum:
            return pictures
        if picture.pts is None or picture.pts >= place.ticks:
            break
    return None


def behind_all_of(
    count: int, container: InputContainer, stream: VideoStream, clock: Clock, tally: Tally
) -> Iterator[av.VideoFrame]:
    """The pictures behind so many, which are all read once more; clock and tally begin anew."""
    clock.__init__(container, stream)  # type: ignore[misc]
    tally.__init__()  # type: ignore[misc]
    pictures = decoded(container, stream, tally)
    for picture in islice(pictures, count):
        clock.time(picture)
    return pictures


def _checksum(picture: av.VideoFrame) -> int:
    return zlib.crc32(picture.planes[0])


def decoded(
    container: InputContainer, stream: VideoStream, tally: Tally, after: int | None = None
) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded, in the order of showing; packets up to `after` (in ticks) are not counted."""
    import av

    for packet in _but_a_broken_end(_packets(container, stream, tally, after), tally):
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            tally.damaged += 1
    try:
        yield from stream.decode(None)
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


def _packets(container: InputContainer, stream: VideoStream, tally: Tally, after: int | None) -> Iterator[Packet]:
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


class Clock:
    """Gives each picture its time: the container's, where that lies behind the picture before.

    AVI has no presentation times and FFmpeg guesses them wrongly; there the order of decoding counts.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.unit = stream.time_base or Fraction(1, 1000)
        self.step = float(1 / stream.average_rate) if stream.average_rate else 0.04
        self.start = float((stream.start_time or 0) * self.unit)
        self.avi = container.format.name == "avi"
        self.first: int | None = None
        self.shift = 0.0
        self.last: float | None = None
        self.assumed = 0
        """Pictures whose time the container does not tell, or tells as before the last one's."""
        self.steps = 0
        self.even = 0
        self.room = 0

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)

    def time(self, picture: av.VideoFrame) -> float:
        """Seconds; greater from picture to picture."""
        told = self._decoding_time(picture) if self.avi else self._seconds(picture.pts)
        told = None if told is None else told + self.shift
        if told is None or (self.last is not None and told <= self.last):
            self.assumed += not self.avi
            told = self._assume(told)
        self._measure(told)
        self.last = told
        return told

    @property
    def missing(self) -> int:
        """Pictures that the times leave room for, where nearly all come at an even pace; 0 where the pace varies."""
        return self.room if self.even >= 0.95 * self.steps else 0

    def _measure(self, told: float) -> None:
        if self.last is None:
            return
        paces = (told - self.last) / self.step
        self.steps += 1
        self.even += abs(paces - 1) < 0.1
        self.room += max(0, round(paces) - 1)

    def _decoding_time(self, picture: av.VideoFrame) -> float | None:
        if self.first is None:
            self.first = picture.dts
        if picture.dts is None or self.first is None:
            return None
        return self._seconds(picture.dts - self.first)

    def _seconds(self, ticks: int | None) -> float | None:
        return None if ticks is None else float(ticks * self.unit)

    def _assume(self, told: float | None) -> float:
        if self.last is None:
            return self.start
        if told is not None and told > self.last - JUMP:
            return self.last + TICK
        self.shift += self.last + self.step - told if told is not None else 0.0
        return self.last + self.step
