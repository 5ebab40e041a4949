"""Show frames in a window while they are worked on."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import ClassVar

from fervid.pipeline.errors import OutputError
from fervid.pipeline.fact import LIVE
from fervid.pipeline.frame import Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register
from fervid.stages.sinks.window.window import Window

log = logging.getLogger(__name__)
LATE = 0.5  # seconds behind a file's own speed after which it is not caught up with


@register("display")
@dataclass(frozen=True)
class Display(Stage):
    """A window; q, Esc or closing it ends the run in order, with all outputs closed.

    A window that is slower than the run shows fewer frames; the other stages still get every one. A resumed run shows
    what comes from there on.
    """

    title: str = "fervid"
    """What the window is called."""
    realtime: bool = True
    """Show files at their own speed, never faster; false shows them as fast as they are worked on."""
    required: bool = True
    """Without a screen the run does not begin; false lets it go on without a window, as one that loses its screen on
    the way does."""

    detached: ClassVar[bool] = True

    def run(self, frames: Frames) -> Generator[Frame]:
        with ExitStack() as stack:
            window = self._open(stack, frames)
            pace = frames.keep(_Pace())
            for frame in frames:
                if window:
                    window.stopping = frames.run.stopping
                    if self.realtime and not frame.source.live:
                        pace.wait(frame, frames.run.stopping)
                    if window.quit.is_set():
                        frames.run.stopping.set()
                    window = _shown(frame, window)
                yield frame

    def _open(self, stack: ExitStack, frames: Frames) -> Window | None:
        """The window, before any frame is asked for, so that nothing is loaded in vain.

        Where there is none, a camera is tried before that is told: one without a camera has no use for a screen.
        """
        try:
            return stack.enter_context(Window(self.title))
        except OutputError as error:
            if self.required:
                if LIVE in frames.facts:
                    next(iter(frames), None)
                raise
            log.warning("%s; the run goes on without it", error)
            return None


def _shown(frame: Frame, window: Window) -> Window | None:
    """The window, if it is still there: what else the run makes does not end with it."""
    try:
        window.show(frame.image)
    except OutputError as error:
        log.warning("%s; the run goes on without it", error)
        return None
    return window


class _Pace:
    """Waits until a frame is due; a run that is told to stop is not held up."""

    began: float | None = None

    def __getstate__(self) -> dict[str, float]:
        return {}

    def __setstate__(self, _: dict[str, float]) -> None:
        """A resumed run begins a new count."""

    def wait(self, frame: Frame, stopping: Event) -> None:
        now = monotonic()
        if self.began is None or now - self.began - frame.time > LATE:
            self.began = now - frame.time
        stopping.wait(max(0.0, self.began + frame.time - now))
