"""Give each picture of a video its time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

TICK = 0.001
"""Seconds that a picture lies behind the one before where the container puts it earlier."""
JUMP = 1.0
"""Seconds backwards from which the recorder's clock was set anew, as in files that were joined."""
FASTEST = 1000
"""Pictures a second; a header that says more is not believed (DV's says 60,000)."""
WRAP = 2**33 / 90_000
"""Seconds after which the clock of an MPEG stream begins again at 0 (ISO/IEC 13818-1)."""
MPEG = ("mpegts", "mpeg")
LATE = 2.0
"""Seconds from 0 on after which a clock that begins there counts as one of its own."""


def rate(stream: VideoStream) -> Fraction | None:
    """Pictures a second, nominally; None where nothing tells."""
    told = (stream.average_rate, stream.guessed_rate)
    return next((Fraction(one) for one in told if one and one <= FASTEST), None)


def start(container: InputContainer) -> float:
    """Seconds at which the clock of a container begins, sound included; one that will wrap is counted on from there.

    FFmpeg has the pictures in front of the wrap lie before 0.
    """
    told = (container.start_time or 0) / 1e6
    return told + WRAP if told < 0 and container.format.name in MPEG else told


def origin(container: InputContainer) -> float:
    """Seconds from which times such as "the second minute" count: 0, but where the clock begins late or before 0."""
    began = start(container)
    return began if began < 0 or began > LATE else 0.0


class Clock:
    """Gives each picture its time: the container's, where that lies behind the picture before.

    AVI has no presentation times and FFmpeg guesses them wrongly; there the order of decoding counts. Raw streams have
    none at all: there the number of the picture counts.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, raw: Fraction | float | None = None) -> None:
        """`raw` is the pictures a second of a raw stream, None of any other."""
        self.unit = Fraction(stream.time_base or Fraction(1, 1000))
        pace = raw or rate(stream)
        self.step = float(1 / pace) if pace else 0.04
        self.raw = raw is not None
        self.start = float((stream.start_time or 0) * self.unit)
        self.avi = container.format.name == "avi"
        self.first: int | None = None
        self.shift = start(container) - (container.start_time or 0) / 1e6
        """What is added to the times that the container tells."""
        self.last: float | None = None
        self.count = 0
        self.assumed = 0
        """Pictures whose time the container does not tell, or tells as before the last one's."""
        self.steps = 0
        self.even = 0
        self.room = 0

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)

    @property
    def guessing(self) -> bool:
        """Whether times hang on the pictures before, so that none can be found by its own."""
        return self.raw or self.avi or self.assumed > 0

    def time(self, picture: av.VideoFrame) -> float:
        """Seconds; greater from picture to picture."""
        if self.raw:
            self.last, self.count = self.count * self.step, self.count + 1
            return self.last
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
            return self.start + self.shift
        if told is not None and told > self.last - JUMP:
            return self.last + TICK
        self.shift += self.last + self.step - told if told is not None else 0.0
        return self.last + self.step
