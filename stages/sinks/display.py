"""Show frames in a window while they are worked on."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING, ClassVar

from fervid.pipeline.errors import OutputError
from fervid.pipeline.frame import Frame
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@register("display")
@dataclass(frozen=True)
class Display(Stage):
    """A window; q, Esc or closing it ends the run in order, with all outputs closed."""

    title: str = "fervid"
    """What the window is called."""
    realtime: bool = True
    """Show files at their own speed; false shows them as fast as they are worked on."""

    detached: ClassVar[bool] = True

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        window = _Window(self.title)
        try:
            began: float | None = None
            for frame in frames:
                if self.realtime and not frame.source.live:
                    began = monotonic() - frame.time if began is None else began
                    _wait(frame, began)
                if not frame.source.live or window.ready():
                    window.show(frame.image)
                if window.quit:
                    frame.source.stopping.set()
                yield frame
        finally:
            window.close()


def _wait(frame: Frame, began: float) -> None:
    while not frame.source.stopping.is_set() and (early := began + frame.time - monotonic()) > 0:
        sleep(min(early, 0.1))


class _Window:
    """The other process, and what it answered last."""

    def __init__(self, title: str) -> None:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise OutputError("display: there is no screen (DISPLAY is not set); remove `display`, or write a `video`")
        command = [sys.executable, "-m", "fervid.stages.sinks.window.viewer", title]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.waiting = self.quit = False

    def ready(self) -> bool:
        """Whether the last picture is on the screen."""
        assert self.process.stdout
        return not self.waiting or bool(select.select([self.process.stdout], [], [], 0)[0])

    def show(self, image: NDArray[np.uint8]) -> None:
        """Send a picture once the last one is shown.

        Raises:
            OutputError: the window's process is gone.
        """
        from fervid.stages.sinks.window.viewer import HEADER

        assert self.process.stdin
        self._answer()
        try:
            self.process.stdin.write(HEADER.pack(*image.shape[:2]))
            self.process.stdin.write(image.data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise OutputError("display: the window could not be opened; remove `display`, or check DISPLAY") from None
        self.waiting = True

    def _answer(self) -> None:
        if not self.waiting or not self.process.stdout:
            return
        answer = self.process.stdout.read(1)
        if not answer:
            raise OutputError("display: the window could not be opened; remove `display`, or check DISPLAY")
        self.quit = self.quit or answer == b"q"
        self.waiting = False

    def close(self) -> None:
        """End the other process."""
        self.process.kill()
        self.process.communicate()
