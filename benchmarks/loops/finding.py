"""MediaPipe's short-range face detector, as one calls it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mediapipe
from loops.writing import Box
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions


def detector() -> Any:
    """The model from mediapipe's own package."""
    model = Path(mediapipe.__file__).parent / "modules/face_detection/face_detection_short_range.tflite"
    return FaceDetector.create_from_options(FaceDetectorOptions(BaseOptions(model_asset_path=str(model))))


def boxes(find: Any, rgb: Any, factor: float = 1.0) -> list[Box]:
    """Corners in pixels of a picture `factor` times as large as the one that is searched."""
    seen = find.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))
    found = [one.bounding_box for one in seen.detections]
    return [
        (b.origin_x * factor, b.origin_y * factor, (b.origin_x + b.width) * factor, (b.origin_y + b.height) * factor)
        for b in found
    ]
