"""Hand frames from one thread to the next: in order, bounded, with exceptions carried over."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator, Iterable

from fervid.pipeline.frame import Frame
from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
POLL = 0.2  # seconds between two looks at whether to stop while no frame comes
PATIENCE = 15.0  # seconds that a closing run waits for a thread that is busy
SILENCE = 0.5  # seconds that it waits for a camera that may never answer


AHEAD = 16
"""Frames of a file that are made ahead at most: twice as many as later stages may take at once."""
NEWEST = 2
"""The same of a camera, whose frames grow old."""
HELD_BYTES = 48 << 20
"""How much picture they hold at most; one is always made ahead."""


def hand_over(frames: Iterable[Frame], run: Run, size: int = AHEAD, *, newest: bool = False) -> Generator[Frame]:
    """Yield `frames`, which are made ahead in another thread, at most `size` of them.

    With `newest`, as behind a camera, the producer never waits: a frame that nobody took in time is replaced by the
    next one and counted in `run.lost`, and indices count the frames that were taken.
    Once `run.stopping` is set, what is ready is still yielded, but a camera that is silent is not waited for.
    """
    ready: deque[Frame] = deque()
    change = threading.Condition()
    state = _State()

    def produce() -> None:
        try:
            for frame in frames:
                with change:
                    if newest and ready:
                        ready.popleft()
                        run.lost.dropped += 1
                    while ready and _full(ready, size) and not state.closed:
                        change.wait()
                    if state.closed:
                        return
                    ready.append(frame)
                    change.notify_all()
        except BaseException as error:
            state.error = error
        finally:
            with change:
                state.finished = True
                change.notify_all()

    thread = threading.Thread(target=produce, name="fervid-segment", daemon=True)
    thread.start()
    taken, patience = 0, SILENCE if newest else PATIENCE
    try:
        while True:
            with change:
                while not ready and not state.finished:
                    if not change.wait(POLL) and run.stopping.is_set() and newest:
                        return
                if not ready:
                    break
                frame = ready.popleft()
                change.notify_all()
            if newest:
                frame.index = taken
            taken += 1
            yield frame
        if state.error is not None:
            raise state.error
    except KeyboardInterrupt:
        patience = 0
        raise
    finally:
        with change:
            state.closed = True
            change.notify_all()
        thread.join(patience)
        if patience and thread.is_alive():
            log.warning("a source does not answer; left behind")


def _full(ready: deque[Frame], size: int) -> bool:
    return len(ready) >= size or len(ready) * ready[-1].picture.nbytes >= HELD_BYTES


class _State:
    finished = False
    closed = False
    error: BaseException | None = None
