"""The run's end of the window: sends pictures to the process that shows them, and hears when the user quits."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from fervid.pipeline.errors import OutputError
from fervid.pipeline.interpreter import PYTHON
from fervid.stages.sinks.window.viewer import HEADER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATIENCE = 30.0  # seconds for the window to open on a busy machine
LARGEST = (1920, 1080)
"""Pictures are made smaller than this before they are sent; few screens show more."""
ADVICE = "remove `display`, write a `video` instead, or set DISPLAY"


class Window:
    """A window in another process; leaving its `with` closes it.

    Raises:
        OutputError: on entering, there is no screen, or the window cannot be opened.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.quit = threading.Event()
        """The user wants to end."""
        self.stopping: threading.Event | None = None
        """Set as soon as the user quits, even while no picture comes."""
        self._idle, self._gone = threading.Event(), threading.Event()

    def __enter__(self) -> Window:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise OutputError(f"display: there is no screen (DISPLAY is not set); {ADVICE}")
        # A session of its own: Ctrl-C is for the run, not the window.
        command = [*PYTHON, "-m", "fervid.stages.sinks.window.viewer", self.title]
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, start_new_session=True
        )
        threading.Thread(target=self._listen, name="fervid-window", daemon=True).start()
        if not self._idle.wait(PATIENCE) or self._gone.is_set():
            why = self._reason()
            self.__exit__()
            raise OutputError(f"display: the window could not be opened{why}; {ADVICE}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._gone.wait(1)
        for pipe in (self._process.stdin, self._process.stdout, self._complaints):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def show(self, image: NDArray[np.uint8]) -> None:
        """Send a picture if the last one is on the screen; otherwise this one is passed over.

        Raises:
            OutputError: the window's process is gone, and the user did not end it.
        """
        if self.quit.is_set() or not self._idle.is_set():
            return
        self._idle.clear()
        try:
            self._send(_small(image))
        except BrokenPipeError:
            self._gone.wait(1)
        if self._gone.is_set() and not self.quit.is_set():
            raise OutputError(f"display: the window is gone{self._reason()}; {ADVICE}")

    def _send(self, image: NDArray[np.uint8]) -> None:
        assert self._process.stdin
        self._process.stdin.write(HEADER.pack(*image.shape[:2]))
        self._process.stdin.write(image.data)
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        with suppress(ValueError):
            while answer := self._process.stdout.read(1):
                if answer == b"q":
                    self.quit.set()
                    if self.stopping:
                        self.stopping.set()
                self._idle.set()
        self._gone.set()
        self._idle.set()

    def _reason(self) -> str:
        self._complaints.seek(0)
        return reason(self._complaints.read().decode(errors="replace"))


def reason(complaints: str) -> str:
    """What of a window's last words says why it ended, in brackets; nothing where they do not tell."""
    lines = complaints.strip().splitlines()
    told = [line for line in lines if "could not connect" in line or "rror" in line]
    if not told and "Could not load the Qt platform plugin" in complaints:
        told = ["system libraries of its windows are missing; install them: sudo apt-get install libsm6"]
    return f" ({told[0].strip()[:160]})" if told else ""


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    factor = min(LARGEST[0] / image.shape[1], LARGEST[1] / image.shape[0])
    if factor >= 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
