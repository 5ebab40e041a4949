"""Make faces unrecognisable, so that a video may be shown."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from fervid.pipeline.fact import BRIDGED, CHANGED, FRAMES
from fervid.pipeline.frame import FACES, Box, Frame, found
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

BLOCKS = 3
"""Pixels a side that are left of a face and its margin, whatever its size; nothing can bring the others back.

With 5 or more, MediaPipe's detector still finds faces.
"""


@register("blur")
@dataclass(frozen=True)
class Blur(Stage):
    """Hides every face that was found or predicted, also one that `track` dropped or does not believe in yet.

    A face that `detect` misses stays visible. Put it behind the stages that read faces, before the sinks that write
    pictures. `detect` must search every frame.
    """

    method: Literal["pixelate", "gaussian", "fill"] = "pixelate"
    """How: 3 x 3 blocks, those blocks blurred into each other, or one area of the mean colour, which hides most."""
    margin: Annotated[float, Ge(0), Le(2)] = 0.5
    """Share of the face box's width and height that is hidden as well on each side."""

    needs = (FRAMES, FACES)
    gives = (CHANGED,)
    refuses = (BRIDGED,)

    def run(self, frames: Frames) -> Generator[Frame]:
        hide = {"pixelate": _pixelate, "gaussian": _gaussian, "fill": _fill}[self.method]
        for frame in frames:
            boxes = sorted(found(frame))
            if boxes and not frame.image.flags.writeable:
                frame.image = frame.image.copy()
            for box in boxes:
                patch = _patch(frame.image, box, self.margin)
                if patch.size:
                    patch[:] = hide(patch)
            yield frame


def _patch(image: Picture, box: Box, margin: float) -> Picture:
    """The part of the image, as a view, that covers the box and its margin."""
    x1, y1, x2, y2 = box
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(0, int(x1 - across)), max(0, int(y1 - down))
    return image[top : max(0, int(y2 + down) + 1), left : max(0, int(x2 + across) + 1)]


def _few(patch: Picture) -> Picture:
    import cv2

    height, width = patch.shape[:2]
    return cv2.resize(patch, (min(BLOCKS, width), min(BLOCKS, height)), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _pixelate(patch: Picture) -> Picture:
    import cv2

    return cv2.resize(_few(patch), patch.shape[1::-1], interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def _gaussian(patch: Picture) -> Picture:
    """Blur by a third of the area; the few pixels before make it final, for a blur alone can be undone."""
    import cv2

    height, width = patch.shape[:2]
    soft = cv2.GaussianBlur(_few(patch), (0, 0), 1, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _fill(patch: Picture) -> Picture:
    import numpy as np

    return np.broadcast_to(patch.mean((0, 1)).astype(np.uint8), patch.shape)
