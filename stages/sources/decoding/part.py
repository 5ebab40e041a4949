"""A part of a recording: from when to when, and how many pictures a second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from fervid.stages.sources.decoding.clock import Clock
from fervid.stages.sources.decoding.reading import Tally, at, decoded, packets

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    Packet = av.Packet[Any]

CLOSE = 1e-6
"""Of the seconds between two samples: so near to one, a picture is at it."""
AHEAD = 32
"""Packets by which a picture may lie behind its turn."""
ONE_EACH = {"h264", "hevc", "vp9", "av1", "mpeg2video", "mjpeg", "prores", "dnxhd", "dvvideo", "ffv1", "huffyuv"}
"""Codecs of whose packets each is one picture."""


@dataclass(slots=True)
class Shot:
    """A picture of a video, its number and its time."""

    index: int
    time: float
    picture: av.VideoFrame


@dataclass(frozen=True)
class Part:
    """What of a video is wanted, by the times of its pictures."""

    begin: float | None = None
    end: float | None = None
    sample: float | None = None
    """Pictures a second; None for all."""
    due: float = 0.0
    """Seconds at which the first sample is."""

    @property
    def whole(self) -> bool:
        """Whether it reaches from the first picture to the last."""
        return self.begin is None and self.end is None

    def of(self, shots: Iterable[Shot], last: float | None) -> Iterator[Shot]:
        """Those wanted, behind one at the time `last`; as samples, the first at or behind each turn."""
        taken = -math.inf if last is None else self._turn(last)
        for shot in shots:
            if self.end is not None and shot.time >= self.end:
                return
            if (self.begin is None or shot.time >= self.begin) and self._turn(shot.time) > taken:
                taken = self._turn(shot.time)
                yield shot

    def _turn(self, time: float) -> float:
        """The number of the last sample that is due."""
        return math.floor((time - self.due) * self.sample + CLOSE) if self.sample else time


def seconds(given: float | str) -> float:
    """Of a number, or of a clock time such as 0:02:00, 2:00 or 1:02:00.5.

    Raises:
        ValueError: it is neither, or negative.
    """
    parts = str(given).split(":")
    values = [float(part) for part in parts]
    wrong = any(not 0 <= value < math.inf for value in values) or any(value >= 60 for value in values[1:])
    if len(parts) > 3 or wrong:
        raise ValueError(given)
    return sum(value * 60.0**power for power, value in enumerate(reversed(values)))


def numbered(pictures: Iterable[av.VideoFrame], clock: Clock, first: int) -> Iterator[Shot]:
    """Each with its number, counted from `first`, and its time."""
    for index, picture in enumerate(pictures, first):
        yield Shot(index, clock.time(picture), picture)


def leap(
    container: InputContainer, stream: VideoStream, clock: Clock, tally: Tally, begin: float
) -> Iterator[Shot] | None:
    """Pictures from the last one that can be decoded alone and is shown before `begin`; None where to read all.

    Those in front of it are counted by their packets, where these tell as much as decoding does.
    """
    codec = stream.codec_context.codec.canonical_name
    if clock.guessing or codec not in ONE_EACH or begin <= clock.start + clock.shift:
        return None
    wanted = int((begin - clock.shift) / clock.unit)
    passed = _passed(packets(container, stream, tally), wanted)
    if passed is None or tally.damaged:
        return None
    container.seek(passed.key, stream=stream)
    pictures = decoded(container, stream, tally, tally.newest)
    first = at(passed.key, pictures)
    return numbered(chain([first], pictures), clock, passed.before) if first else None


class _Passed(NamedTuple):
    """The time in ticks of a picture that can be decoded alone, and how many are shown before it."""

    key: int
    before: int


def _passed(packets: Iterable[Packet], wanted: int) -> _Passed | None:
    """The last one at or before `wanted`; None where the times of packets do not tell."""
    shown, key, beyond = list[int](), None, 0
    for packet in packets:
        if packet.pts is None or packet.is_corrupt or not (shown or packet.is_keyframe):
            return None
        if packet.is_keyframe and key is not None and packet.pts < key:
            return None
        if packet.is_keyframe and packet.pts <= wanted:
            key = packet.pts
        if not packet.is_discard:
            shown.append(packet.pts)
        beyond += packet.pts > wanted
        if beyond > AHEAD:
            break
    return None if key is None else _Passed(key, sum(ticks < key for ticks in shown))
