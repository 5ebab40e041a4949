"""End in order when asked to: the first signal stops, the second interrupts, and nothing that hangs holds that up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PROMPT = 0.2
"""Seconds in which the main thread answers a signal, unless it waits in a library."""
GRACE = 0.6
"""Seconds that what was interrupted may take to leave its files in order."""
LAST_WORD = b"fervid: ended at once, as something hangs; what was under way lies in files named .part\n"


Stop = Callable[[], bool | None]
"""Begins the end, and says whether nothing is left that must end in order."""


class Caught:
    """The signal that asked for the end, if one did, and what to do then."""

    def __init__(self, stop: Stop) -> None:
        self.number: int | None = None
        self.again = False
        """Whether another one followed, or nobody waits for an end in order."""
        self._stop, self._turn = stop, threading.Lock()

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that ended for a signal; 0 without one."""
        return 128 + self.number if self.number else 0

    def first(self, number: int) -> None:
        """Stop, whichever thread heard of it before the other."""
        with self._turn:
            heard, self.number = self.number, self.number or number
        if heard is None:
            self.again = bool(self._stop())


@contextmanager
def graceful(stop: Stop) -> Iterator[Caught]:
    """Call `stop` at the first SIGINT, SIGTERM or SIGHUP; raise KeyboardInterrupt at the next, or then if it says True.

    Where the main thread does not come back from a library, `stop` is called by another one, and at the next signal the
    process ends as it is. A signal that it was started to ignore, as under nohup, stays ignored.
    """
    caught, heard = Caught(stop), 0

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        caught.first(number)
        if heard > 1 or caught.again:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {number: was for number, was in before.items() if was is not signal.SIG_IGN}
    with _watched(caught, heeded):
        for number in heeded:
            signal.signal(number, handle)
        try:
            yield caught
        finally:
            for number, was in heeded.items():
                signal.signal(number, was)


@contextmanager
def _watched(caught: Caught, heeded: Collection[int]) -> Iterator[None]:
    """Let a thread of its own hear the signals as well."""
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    over = threading.Event()
    thread = threading.Thread(target=_listen, args=(ear, caught, heeded, over), name="fervid-signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        over.set()
        os.close(mouth)
        thread.join()
        os.close(ear)


def _listen(ear: int, caught: Caught, heeded: Collection[int], over: threading.Event) -> None:
    heard = 0
    while told := os.read(ear, 1):
        number = told[0]
        heard += number in heeded
        if number in heeded and not over.wait(PROMPT if heard == 1 else 0):
            caught.first(number)
        if heard > 1 or caught.again:
            caught.again = True
            if not over.wait(GRACE):
                with suppress(OSError):
                    os.write(2, LAST_WORD)
                os._exit(caught.exit_code)
