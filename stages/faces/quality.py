"""Say how well each face can be read, so that rows can be filtered by it."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fervid.pipeline.fact import CHANGED, FRAMES, Column, Fact
from fervid.pipeline.frame import FACES, Box, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.picture import Picture
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 96
"""Sharpness is measured in a crop of this many pixels a side, so that faces of all sizes compare."""
EAR_TO_NOSE = 0.62
"""Half the distance between the ears, over the nose tip's distance in front of the line between them."""
NOSE_LENGTH = 0.35
"""How far the nose tip stands out of the face, over the way from the eyes to the mouth."""
NOSE_AT_REST = 0.52
"""Where a level face's nose tip stands on the way from the eyes (0) to the mouth (1)."""


class Measures(NamedTuple):
    """How well a face can be read: numbers to filter rows by. The columns of QUALITY say what each is."""

    overall: float | None
    size: float
    sharpness: float
    brightness: float
    yaw: float | None
    pitch: float | None
    roll: float | None


QUALITY: Fact[Measures] = Fact(
    "faces.quality",
    "quality",
    (
        Column(
            "quality",
            "how well the face can be read: from 0, useless, to 1, frontal, sharp, large and well lit; empty where its "
            "pose is not known; what covers a face is not measured",
        ),
        Column("size", "square root of the box's area", "pixels", summed_up=False),
        Column(
            "sharpness",
            f"variance of the Laplacian of the {SIDE} x {SIDE} grey face (Pech-Pacheco 2000); below about 50: blurred",
            summed_up=False,
        ),
        Column("brightness", "mean grey value of the face, 0 to 1", summed_up=False),
        Column("yaw", "turn to the side, positive to the picture's right; estimated", "degrees", summed_up=False),
        Column("pitch", "nod, positive upwards; estimated", "degrees", summed_up=False),
        Column("roll", "tilt of the eye line, positive clockwise", "degrees", summed_up=False),
    ),
    value=lambda cells: Measures(*cells),  # type: ignore[arg-type]
)


@register("quality")
@dataclass(frozen=True)
class Quality(Stage):
    """Size, sharpness, brightness, pose and one number for all; of faces that were seen, not of predicted ones.

    The pose is an estimate from six points and average proportions of a head: right in sign and within about 10
    degrees up to 30, too small beyond. Keypoints of small faces tremble, and so do these angles. A hand or a mask
    before a face lowers nothing.
    """

    needs = (FRAMES, FACES)
    gives = (QUALITY,)
    refuses = (CHANGED,)

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            for face in frame.faces:
                if face.status == "detected":
                    _note(face, _measure(frame.picture, face))
            yield frame


def _note(face: Face, measures: Measures | None) -> None:
    if measures:
        face[QUALITY] = measures


class Pose(NamedTuple):
    """Degrees, or None where the keypoints do not tell."""

    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None


def pose(keypoints: NDArray[np.float32]) -> Pose:
    """Estimate where a face looks from how far its nose tip has moved, once the line of its eyes is level.

    A head turned by `yaw` shows half the distance of its ears as e cos(yaw), and its nose tip n sin(yaw) away from
    their middle: tan(yaw) = offset / half * e / n. One that nods shows its nose tip higher between eyes and mouth.
    """
    left_eye, right_eye, nose, mouth, left_ear, right_ear = keypoints.tolist()
    roll = math.atan2(right_eye[1] - left_eye[1], right_eye[0] - left_eye[0])
    cos, sin = math.cos(roll), math.sin(roll)

    def across(point: list[float]) -> float:
        return point[0] * cos + point[1] * sin

    def down(point: list[float]) -> float:
        return point[1] * cos - point[0] * sin

    half = (across(right_ear) - across(left_ear)) / 2
    eyes = (down(left_eye) + down(right_eye)) / 2
    face = down(mouth) - eyes
    offset = across(nose) - (across(right_ear) + across(left_ear)) / 2
    yaw = math.degrees(math.atan(offset / half * EAR_TO_NOSE)) if half > 0 else None
    pitch = math.degrees(math.atan((NOSE_AT_REST - (down(nose) - eyes) / face) / NOSE_LENGTH)) if face > 0 else None
    return Pose(yaw, pitch, math.degrees(roll))


def _measure(picture: Picture, face: Face) -> Measures | None:
    """Of a face that is wholly outside the picture there is none."""
    import cv2

    crop = _crop(picture, face.box)
    if crop is None:
        return None
    x1, y1, x2, y2 = face.box
    size = math.sqrt((x2 - x1) * (y2 - y1))
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(crop, cv2.CV_16S))[1][0, 0]) ** 2
    brightness = cv2.mean(crop)[0] / 255
    looks = Pose() if face.keypoints is None else pose(face.keypoints)
    return Measures(_overall(size, sharpness, brightness, looks), size, sharpness, brightness, *looks)


def _crop(picture: Picture, box: Box) -> NDArray[np.uint8] | None:
    """The face in grey, SIDE pixels square; a large one in two steps, for one that weighs all pixels takes 2 ms."""
    import cv2

    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    rows, columns = slice(top, min(bottom, picture.height)), slice(left, min(right, picture.width))
    shorter = min(rows.stop - top, columns.stop - left)
    if shorter <= 0:
        return None
    crop = picture.grey(rows, columns, (2 * SIDE, 2 * SIDE) if shorter > 2 * SIDE else None)
    method = cv2.INTER_AREA if min(crop.shape) > SIDE else cv2.INTER_LINEAR
    return cv2.resize(crop, (SIDE, SIDE), interpolation=method)  # type: ignore[return-value]


def _overall(size: float, sharpness: float, brightness: float, looks: Pose) -> float | None:
    """The product of four judgements from 0 to 1, or None where one of them is not known.

    Roll takes nothing, for faces are levelled before they are read.
    """
    if looks.yaw is None or looks.pitch is None:
        return None
    large = _ramp(size, 16, 64)
    sharp = _ramp(math.log10(max(sharpness, 1)), 0.5, 2)
    lit = _ramp(brightness, 0.05, 0.2) * _ramp(brightness, 1.0, 0.9)
    frontal = math.cos(math.radians(looks.yaw)) * math.cos(math.radians(looks.pitch))
    return large * sharp * lit * frontal**2


def _ramp(value: float, zero: float, one: float) -> float:
    return min(1.0, max(0.0, (value - zero) / (one - zero)))
