"""MediaPipe's two face networks behind one signature: a small picture in, faces in shares of its size out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.pipeline.errors import ModelError
from fervid.pipeline.frame import Face
from fervid.pipeline.libraries import out_of_the_folder
from fervid.stages.faces.detection.silence import silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fervid.pipeline.frame import Box

    Picture = NDArray[np.uint8]

MOUTH, EARS = 3, slice(4, 6)
"""Among the keypoints."""

Finder = Callable[["Picture"], list[Face]]
"""Takes RGB."""

MISSING = "this mediapipe carries no {} face detector; install mediapipe==0.10.21"


@contextmanager
def short_range(min_score: float, model: Path | None) -> Iterator[Finder]:
    """The network for faces within two metres, through the Tasks API: 1 to 2 ms a picture.

    Raises:
        ModelError: the network is not where it should be, or is none.
    """
    with out_of_the_folder():
        import mediapipe
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

    inside = Path(mediapipe.__file__).parent / "modules/face_detection/face_detection_short_range.tflite"
    path = model or inside
    if not path.is_file():
        raise ModelError(f"{path}: no such face detector" if model else MISSING.format("short-range"))
    options = FaceDetectorOptions(BaseOptions(model_asset_path=str(path)), min_detection_confidence=min_score)

    def find(picture: Picture) -> list[Face]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        height, width = picture.shape[:2]
        return [_near(one, width, height) for one in detector.detect(image).detections]

    with silent():
        try:
            detector = FaceDetector.create_from_options(options)
            find(_blank())
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: not a short-range face detector of MediaPipe") from error
    try:
        yield find
    finally:
        detector.close()


@contextmanager
def full_range(min_score: float) -> Iterator[Finder]:
    """The network for faces within five metres, 3 to 4 ms a picture; it never reports a score below 0.6.

    The Tasks API cannot run it (it counts the short range's anchors), so this takes MediaPipe's older graph.

    Raises:
        ModelError: a version of MediaPipe without it.
    """
    with out_of_the_folder():
        import mediapipe

    if not hasattr(mediapipe, "solutions"):
        raise ModelError(MISSING.format("full-range"))

    def find(picture: Picture) -> list[Face]:
        found = (_far(one) for one in detector.process(picture).detections or [])
        return [face for face in found if face.score >= min_score]

    with silent():
        detector = mediapipe.solutions.face_detection.FaceDetection(min_score, model_selection=1)
        find(_blank())
    try:
        yield find
    finally:
        detector.close()


def _near(found: Any, width: int, height: int) -> Face:
    import numpy as np

    points = np.array([(p.x, p.y) for p in found.keypoints], np.float32)
    x1, y1, x2, y2 = _whole(found.bounding_box, points * (width, height))
    return Face((x1 / width, y1 / height, x2 / width, y2 / height), float(found.categories[0].score), points)


def _whole(box: Any, points: NDArray[np.floating[Any]]) -> Box:
    """The box in pixels, as the network drew it.

    The Tasks API cuts off fractions, and moves a box that begins left of the picture or above it inside. The keypoints
    stay where they are: the box's middle is two thirds of the way from the mouth to the middle of the ears, within 2 %
    of its size (one standard deviation over 1,400 faces).
    """
    x, y, width, height = box.origin_x + 0.5, box.origin_y + 0.5, box.width + 0.5, box.height + 0.5
    middle = (points[EARS].mean(axis=0) * 2 + points[MOUTH]) / 3
    if box.origin_x == 0:
        x = min(x, float(middle[0]) - width / 2)
    if box.origin_y == 0:
        y = min(y, float(middle[1]) - height / 2)
    return x, y, x + width, y + height


def _far(found: Any) -> Face:
    import numpy as np

    box = found.location_data.relative_bounding_box
    points = np.array([(p.x, p.y) for p in found.location_data.relative_keypoints], np.float32)
    return Face((box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height), float(found.score[0]), points)


def _blank() -> Picture:
    import numpy as np

    return np.zeros((128, 128, 3), np.uint8)
