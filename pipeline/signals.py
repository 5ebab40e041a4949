"""End in order when asked to: the first signal stops, the second interrupts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass
class Caught:
    """The signal that asked for the end, if one did."""

    number: int | None = None

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that ended for a signal; 0 without one."""
        return 128 + self.number if self.number else 0


@contextmanager
def graceful(stop: Callable[[], None]) -> Iterator[Caught]:
    """Call `stop` at the first SIGINT, SIGTERM or SIGHUP; raise KeyboardInterrupt at the next.

    A signal that the process was started to ignore, as under nohup, stays ignored.
    """
    caught = Caught()

    def handle(number: int, _: FrameType | None) -> None:
        if caught.number is not None:
            raise KeyboardInterrupt
        caught.number = number
        stop()

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {number: was for number, was in before.items() if was is not signal.SIG_IGN}
    for number in heeded:
        signal.signal(number, handle)
    try:
        yield caught
    finally:
        for number, was in heeded.items():
            signal.signal(number, was)
