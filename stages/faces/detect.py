"""Find the faces of each frame, with their keypoints."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from fervid.pipeline.fact import BRIDGED, SPARSE
from fervid.pipeline.frame import FACES, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, Terms, register
from fervid.stages.faces.detection.both import Both, Rhythm
from fervid.stages.faces.detection.mediapipe_faces import full_range, short_range

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Search = Callable[[NDArray[np.uint8], float], list[Face]]

WIDTH = 256
"""The networks see 128 and 192 pixels; in a copy of this width they find the same faces, faster."""
COARSE = 3
"""How many times that width a picture is brought to before it is averaged: with 2, noise moves the boxes."""


@register("detect")
@dataclass(frozen=True)
class Detect(Stage):
    """MediaPipe's face detectors: 1 to 2 ms a frame on a CPU for near faces, 3 to 4 ms more for far ones."""

    min_score: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Detections below are dropped; the full range has none below 0.6."""
    range: Literal["auto", "short", "full"] = "auto"
    """`short` finds near faces, from a tenth of the picture's width on; `full` small ones too, from 6 % on, but misses
    some near ones; `auto` adds `full` to `short` where that is not sure of a face, and for a look once a second."""
    every: Annotated[int, Ge(1), Le(30)] = 1
    """Search one frame in so many; `track` bridges the others. Who comes or goes between is seen at the next search."""
    model: Path | None = None
    """A short-range .tflite instead of the one in mediapipe."""

    gives = (FACES,)
    detached: ClassVar[bool] = True

    def terms(self) -> Terms:
        return super().terms()._replace(gives=(FACES, SPARSE, BRIDGED) if self.every > 1 else (FACES,))

    def run(self, frames: Frames) -> Generator[Frame]:
        with self._search(frames.keep(Rhythm())) as search:
            for frame in frames:
                if frame.index % self.every:
                    frame.faces, frame[SPARSE] = [], True
                else:
                    frame.faces = _find(search, frame)
                yield frame

    @contextmanager
    def _search(self, rhythm: Rhythm) -> Iterator[Search]:
        with ExitStack() as stack:
            if self.range != "full":
                short = stack.enter_context(short_range(self.min_score, self.model))
            if self.range != "short":
                full = stack.enter_context(full_range(self.min_score))
            if self.range == "auto":
                yield Both(short, full, rhythm).find
            else:
                only = short if self.range == "short" else full
                yield lambda picture, _: only(picture)


def _find(search: Search, frame: Frame) -> list[Face]:
    """Faces in pixels of the frame, from a small RGB copy of it."""
    import cv2

    height, width = frame.image.shape[:2]
    faces = search(cv2.cvtColor(_shrunk(frame.image), cv2.COLOR_BGR2RGB), frame.time)  # type: ignore[arg-type]
    return [_scaled(face, width, height) for face in faces]


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of WIDTH at most. Large pictures are picked from before they are averaged, for a fifth of the time."""
    import cv2

    height, width = image.shape[:2]
    factor = max(width / WIDTH, 1.0)
    small = round(width / factor), max(1, round(height / factor))
    if factor > COARSE:
        between = small[0] * COARSE, small[1] * COARSE
        image = cv2.resize(image, between, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return cv2.resize(image, small, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _scaled(face: Face, width: int, height: int) -> Face:
    import numpy as np

    x1, y1, x2, y2 = face.box
    points = None if face.keypoints is None else face.keypoints * np.array((width, height), np.float32)
    return replace(face, box=(x1 * width, y1 * height, x2 * width, y2 * height), keypoints=points)
