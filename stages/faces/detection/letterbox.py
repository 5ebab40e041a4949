"""The small copy of a picture, and how MediaPipe brings it into a network's square."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fervid.pipeline.frame import Face
from fervid.pipeline.picture import Picture
from fervid.stages.faces.detection.geometry import moved

if TYPE_CHECKING:
    from fervid.stages.faces.detection.geometry import Image
    from fervid.stages.faces.detection.litert import Model

WIDTH = 256
"""The networks see 128 and 192 pixels; in a copy of this width they find the same faces, faster."""


def small_copy(picture: Picture) -> Image:
    """A copy of WIDTH at most, in RGB."""
    width = min(WIDTH, picture.width)
    return picture.small(width, max(1, round(picture.height * width / picture.width)))


def find(model: Model, picture: Image, least: float) -> list[Face]:
    """Faces in shares of a picture in RGB.

    The network's square is as wide as the longer side of the picture, black around it, and picked from it bilinearly
    (MediaPipe's image_to_tensor_converter_opencv.cc).
    """
    import cv2
    import numpy as np

    (height, width), (across, down) = picture.shape[:2], model.size
    longer = max(width, height)
    scale, left, top = across / longer, (longer - width) / 2, (longer - height) / 2
    matrix = np.array([[scale, 0, left * scale], [0, scale, top * scale]])
    square: Image = cv2.warpAffine(picture, matrix, (across, down), flags=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return [moved(face, 1 / scale, (-left, -top), (width, height)) for face in model(square, least)]
