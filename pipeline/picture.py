"""What a frame shows, in the form in which it came: parts and copies of it are made when somebody looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""
Place: TypeAlias = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels, x2 and y2 exclusive."""

ALL = slice(None)
COARSE = 3
"""How many times its new width a picture is brought to before it is averaged: with 2, noise moves faces' boxes."""


class Patch(NamedTuple):
    """A part of a picture that is painted into."""

    left: int
    top: int
    image: Image
    """Height x width x 3 in BGR."""


class Picture(ABC):
    """A picture of width x height pixels. Rows and columns are slices that lie inside of it."""

    width: int
    height: int

    @staticmethod
    def of(shown: Picture | Image) -> Picture:
        """A picture of an array: height x width x 3 in BGR, or height x width in grey."""
        return shown if isinstance(shown, Picture) else Pixels(shown)

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory that it holds."""

    @abstractmethod
    def bgr(self) -> Image:
        """All of it, height x width x 3, contiguous."""

    def part(self, rows: slice, columns: slice) -> Image:
        """What lies there, in BGR; to be read only."""
        return Pixels(self.bgr()).part(rows, columns)

    def points(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Image:
        """The pixels where these N rows and M columns cross, N x M x 3 in BGR."""
        return Pixels(self.bgr()).points(rows, columns)

    def grey(self, rows: slice = ALL, columns: slice = ALL, size: Size | None = None) -> Image:
        """What lies there in grey, 0 to 255, brought to a size by picking bilinearly; to be read only."""
        return Pixels(self.bgr()).grey(rows, columns, size)

    def small(self, width: int, height: int) -> Image:
        """A copy of that size in RGB; of a larger picture its pixels' means."""
        return Pixels(self.bgr()).small(width, height)

    def planes(self) -> Image | None:
        """Y, U and V below each other (I420) in BT.601's limited range, if it came in that form."""
        return None

    def opened(self, places: Sequence[Place]) -> tuple[Picture, list[Patch]]:
        """A picture that can be painted into, and patches of it, each of these places being wholly in one."""
        return Pixels(self.bgr()).opened(places)


class Pixels(Picture):
    """A picture that is an array already."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]

    @property
    def nbytes(self) -> int:
        return self.image.nbytes

    def bgr(self) -> Image:
        return self.image

    def part(self, rows: slice, columns: slice) -> Image:
        return self.image[rows, columns]

    def points(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Image:
        return cast("Image", self.image[rows[:, None], columns])

    def grey(self, rows: slice = ALL, columns: slice = ALL, size: Size | None = None) -> Image:
        import cv2

        part = picked(self.image[rows, columns], size)
        return part if part.ndim == 2 else cast("Image", cv2.cvtColor(part, cv2.COLOR_BGR2GRAY))

    def small(self, width: int, height: int) -> Image:
        import cv2

        return cast("Image", cv2.cvtColor(resized(self.image, width, height), cv2.COLOR_BGR2RGB))

    def opened(self, places: Sequence[Place]) -> tuple[Picture, list[Patch]]:
        return self, [Patch(0, 0, self.image)]


def picked(image: Image, size: Size | None) -> Image:
    """A copy of that size at a cost that does not depend on the picture's."""
    import cv2

    return image if size is None else cast("Image", cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))


def resized(image: Image, width: int, height: int) -> Image:
    """A copy of that size. Large pictures are picked from before they are averaged, for a fifth of the time."""
    import cv2

    if COARSE * width < image.shape[1]:
        image = picked(image, (COARSE * width, COARSE * height))
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return cast("Image", cv2.resize(image, (width, height), interpolation=method))
