"""Try a pipeline without a camera or a video: portraits that move, with true boxes to check against."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from annotated_types import Ge, Gt, Le

from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import AGAIN, FRAMES
from fervid.pipeline.frame import Box, Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

OVAL = (266, 250, 215, 245)
"""The part of the portrait that is shown: centre x, y and half axes x, y in its pixels."""
FACE = (171, 146, 365, 340)
"""The face in the portrait, as MediaPipe's short-range model sees it."""


class Pose(NamedTuple):
    """Where a portrait hangs: centre in pixels, height of its oval in pixels, tilt in degrees."""

    x: float
    y: float
    height: float
    tilt: float


@register("demo")
@dataclass(frozen=True)
class Demo(Stage):
    """Portraits of Grace Hopper (US Navy, public domain, from matplotlib) that drift, grow, tilt and cross."""

    frames: Annotated[int, Ge(1)] = 240
    """How many frames to make."""
    width: Annotated[int, Ge(128), Le(7680)] = 640
    """Width of the picture in pixels."""
    height: Annotated[int, Ge(128), Le(4320)] = 360
    """Height of the picture in pixels."""
    fps: Annotated[float, Gt(0)] = 24
    """Frames a second; the paths are laid out in seconds, so this only samples them more finely."""
    faces: Annotated[int, Ge(0), Le(4)] = 1
    """How many portraits; from two on they cross, the first in front of the others."""

    needs = ()
    gives = (FRAMES, AGAIN)

    def run(self, frames: Frames) -> Generator[Frame]:
        def again() -> Iterator[Frame]:
            return self._frames(source)

        source = Source("demo", self.width, self.height, fps=self.fps, length=self.frames, reopen=again)
        yield from self._frames(source, frames.begin(source))

    def truth(self, index: int) -> list[Box]:
        """The true face boxes of a frame; a face keeps its place in the list, hidden behind another or not."""
        return [_face_box(pose) for pose in self._poses(index)]

    def _frames(self, source: Source, start: int = 0) -> Iterator[Frame]:
        portrait, background = _portrait(), _background(self.width, self.height)
        for index in range(start, self.frames):
            image = background.copy()
            for pose in reversed(self._poses(index)):
                _hang(portrait, image, pose)
            yield Frame(index, index / self.fps, image, source)

    def _poses(self, index: int) -> list[Pose]:
        return [_pose(index / self.fps, n / self.faces, self.width, self.height) for n in range(self.faces)]


def _pose(time: float, phase: float, width: int, height: int) -> Pose:
    """Walk slow waves of different periods, so that the path does not soon repeat."""

    def wave(period: float, lead: float = 0.0) -> float:
        return math.sin(2 * math.pi * (time / period + phase + lead))

    unit = min(width, height)
    return Pose(
        x=width * 0.5 + (width - 0.62 * unit) * 0.5 * wave(8.0),
        y=height * 0.5 + height * 0.09 * wave(5.2, 0.1),
        height=unit * (0.72 + 0.16 * wave(6.5, 0.35)),
        tilt=8 * wave(4.3),
    )


def _face_box(pose: Pose) -> Box:
    scale, angle = pose.height / (2 * OVAL[3]), math.radians(pose.tilt)
    dx, dy = (FACE[0] + FACE[2]) / 2 - OVAL[0], (FACE[1] + FACE[3]) / 2 - OVAL[1]
    x = pose.x + scale * (dx * math.cos(angle) - dy * math.sin(angle))
    y = pose.y + scale * (dx * math.sin(angle) + dy * math.cos(angle))
    half = scale * (FACE[2] - FACE[0]) / 2
    return x - half, y - half, x + half, y + half


def _portrait() -> Picture:
    """The oval as B, G, R (already times opacity) and opacity; its edge fades over some pixels."""
    import cv2
    import numpy as np

    package = find_spec("matplotlib")
    places = (package and package.submodule_search_locations) or []
    found = (Path(place, "mpl-data", "sample_data", "grace_hopper.jpg") for place in places)
    image = next((cv2.imread(str(path)) for path in found if path.is_file()), None)
    if image is None:
        raise InputError("the demo's portrait is missing from matplotlib's sample data; install matplotlib from PyPI")
    x, y, half_width, half_height = OVAL
    mask = np.zeros((2 * half_height, 2 * half_width), np.uint8)
    cv2.ellipse(mask, ((half_width, half_height), (2 * half_width - 20, 2 * half_height - 20), 0), (255.0,), -1)
    opacity = cv2.GaussianBlur(mask, (0, 0), 3)
    crop = image[y - half_height : y + half_height, x - half_width : x + half_width]
    return np.dstack((cv2.multiply(crop, cv2.merge([opacity] * 3), scale=1 / 255), opacity)).astype(np.uint8)


def _background(width: int, height: int) -> Picture:
    import numpy as np

    top_left, bottom_right = np.array((122, 98, 70)), np.array((176, 188, 214))
    slope = (np.linspace(0, 1, width)[None, :, None] + np.linspace(0, 1, height)[:, None, None]) / 2
    picture: Picture = np.rint(top_left + slope * (bottom_right - top_left)).astype(np.uint8)
    return picture


def _hang(portrait: Picture, image: Picture, pose: Pose) -> None:
    """Blend the portrait into the image in place; parts beyond the border are cut off."""
    import cv2

    reach = math.ceil(pose.height / 2 * 1.2)
    left, top = max(0, int(pose.x) - reach), max(0, int(pose.y) - reach)
    patch = image[top : int(pose.y) + reach, left : int(pose.x) + reach]
    if not patch.size:
        return
    turn = cv2.getRotationMatrix2D((OVAL[2], OVAL[3]), -pose.tilt, pose.height / portrait.shape[0])
    turn[0, 2] += pose.x - left - OVAL[2]
    turn[1, 2] += pose.y - top - OVAL[3]
    warped = cv2.warpAffine(portrait, turn, (patch.shape[1], patch.shape[0]))
    behind = cv2.merge([cv2.bitwise_not(warped[:, :, 3])] * 3)
    patch[:] = cv2.add(cv2.multiply(patch, behind, scale=1 / 255), warped[:, :, :3])
