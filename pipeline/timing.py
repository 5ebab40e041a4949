"""What each stage of a run costs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from time import perf_counter

from fervid.pipeline.frame import Frame


@dataclass(slots=True)
class Timing:
    """Seconds of one stage: until its first frame, and behind that of work and of waiting for another thread."""

    stage: str
    start: float = 0.0
    worked: float = 0.0
    waited: float = 0.0
    started: bool = False


def timed(
    frames: Iterable[Frame], timing: Timing, work: int = 1, wait: int = 0, begins: bool = False
) -> Generator[Frame]:
    """Count the time spent in `frames` `work` times as the stage's work and `wait` times as waiting.

    Until the first frame of those that `begins` marks, it is the stage's start.
    """
    made = iter(frames)
    while True:
        began = perf_counter()
        frame = next(made, None)
        spent = perf_counter() - began
        if timing.started:
            timing.worked += work * spent
            timing.waited += wait * spent
        else:
            timing.start += work * spent
            timing.started = begins
        if frame is None:
            return
        yield frame
