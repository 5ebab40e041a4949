"""Find the faces of each frame, with their keypoints."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Gt, Lt

from fervid.pipeline.errors import ModelError
from fervid.pipeline.frame import Face, Frame
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 256
"""The detector shrinks every picture to 128 pixels; from a copy of this width it finds the same boxes, faster."""


@register("detect")
@dataclass(frozen=True)
class Detect(Stage):
    """MediaPipe's short-range face detector: 1 to 2 ms a frame on a CPU."""

    min_score: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Detections below are dropped."""

    gives = frozenset({"faces"})
    detached: ClassVar[bool] = True

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        with _detector(self.min_score) as detector:
            for frame in frames:
                frame.faces = _find(detector, frame.image)
                yield frame


@contextmanager
def _detector(min_score: float) -> Iterator[Any]:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

    model = Path(mediapipe.__file__).parent / "modules/face_detection/face_detection_short_range.tflite"
    if not model.is_file():
        raise ModelError("this mediapipe carries no face detector; install mediapipe==0.10.21")
    options = FaceDetectorOptions(BaseOptions(model_asset_path=str(model)), min_detection_confidence=min_score)
    with _silent():
        detector = FaceDetector.create_from_options(options)
        detector.detect(_picture(None))
    try:
        yield detector
    finally:
        detector.close()


def _picture(image: NDArray[np.uint8] | None) -> Any:
    import cv2
    import mediapipe
    import numpy as np

    small = np.zeros((128, 128, 3), np.uint8) if image is None else image
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=cv2.cvtColor(small, cv2.COLOR_BGR2RGB))


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what native libraries print while they start from the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _find(detector: Any, image: NDArray[np.uint8]) -> list[Face]:
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    factor = max(width / WIDTH, 1.0)
    small = cv2.resize(image, (round(width / factor), max(1, round(height / factor))), interpolation=cv2.INTER_AREA)
    found = detector.detect(_picture(small)).detections  # type: ignore[arg-type]
    faces = []
    for one in found:
        box = one.bounding_box
        corners = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
        points = np.array([(p.x * width, p.y * height) for p in one.keypoints], np.float32)
        x1, y1, x2, y2 = (float(edge * factor) for edge in corners)
        faces.append(Face((x1, y1, x2, y2), float(one.categories[0].score), points))
    return faces
