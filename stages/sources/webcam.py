"""Watch a camera of this machine."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt

from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import FRAMES, LIVE
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import cv2
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds that a camera may answer with nothing, while it starts as later on."""
BUSY = "gives no picture; it may be in use by another program"


@register("webcam")
@dataclass(frozen=True)
class Webcam(Stage):
    """Frames of a local camera, always the newest: while later stages are busy, frames are dropped and counted.

    Unplugged, it ends the run, and what was written so far is whole.
    """

    device: Annotated[Annotated[int, Ge(0)] | str, Reads()] = 0
    """Number of the camera, or its device file such as /dev/video2."""
    width: Annotated[int, Gt(0)] | None = None
    """Width to ask the camera for, in pixels; it may answer with another."""
    height: Annotated[int, Gt(0)] | None = None
    """Height to ask the camera for, in pixels."""
    fps: Annotated[float, Gt(0)] | None = None
    """Frames a second to ask the camera for."""

    needs = ()
    gives = (FRAMES, LIVE)

    def run(self, frames: Frames) -> Generator[Frame]:
        with self._camera() as camera:
            image = _next(camera)
            if image is None:
                raise InputError(f"webcam {self.device}: {_advice(BUSY)}")
            source, began, index = self._source(camera, image), monotonic(), 0
            now = began
            while image is not None:
                yield Frame(index, now - began, image, source, wall_time=datetime.now(UTC))
                index += 1
                image, now = _next(camera), monotonic()
            frames.run.lost.cut = "disconnected"
            log.warning("webcam %s: gives no more pictures; was it unplugged?", self.device)

    @contextmanager
    def _camera(self) -> Iterator[cv2.VideoCapture]:
        import cv2

        device = int(self.device) if str(self.device).isdecimal() else self.device
        if isinstance(device, str) and not _is_device(Path(device)):
            raise InputError(f"webcam {device}: {_advice('no such device file')}")
        _keep_quiet()
        camera = cv2.VideoCapture(device)
        try:
            wishes = {
                cv2.CAP_PROP_FRAME_WIDTH: self.width,
                cv2.CAP_PROP_FRAME_HEIGHT: self.height,
                cv2.CAP_PROP_FPS: self.fps,
            }
            for setting, wish in wishes.items():
                if wish is not None:
                    camera.set(setting, wish)
            yield camera
        finally:
            camera.release()

    def _source(self, camera: cv2.VideoCapture, image: NDArray[np.uint8]) -> Source:
        import cv2

        height, width = image.shape[:2]
        name = f"webcam{Path(str(self.device)).name.removeprefix('video')}"
        return Source(name, width, height, fps=camera.get(cv2.CAP_PROP_FPS) or None, live=True)


def _keep_quiet() -> None:
    """OpenCV has the function in one place up to 4.11, in another in 4.14."""
    import cv2

    library: Any = cv2
    (library if hasattr(library, "setLogLevel") else library.utils.logging).setLogLevel(0)


def _is_device(path: Path) -> bool:
    """A device, or a video file in the place of one; OpenCV would open addresses as well, and wait at a pipe."""
    return path.is_char_device() or path.is_file()


def _next(camera: cv2.VideoCapture) -> NDArray[np.uint8] | None:
    """The next picture; only a delivered one proves that a camera is there."""
    until = monotonic() + PATIENCE
    while camera.isOpened():
        good, image = camera.read()
        if good:
            return image  # type: ignore[return-value]
        if monotonic() > until:
            break
        sleep(0.02)
    return None


def _advice(trouble: str) -> str:
    there = sorted(path.name for path in Path("/dev").glob("video*"))
    if there:
        return f"{trouble}. This machine has {', '.join(there)}"
    return "there is no camera; connect one, or read a video with `file`"
