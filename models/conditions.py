"""What becomes of a face's picture on its way to us: the conditions under which a network's answers are judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

SEED = 1
"""Of the chance within the conditions: the same faces always become the same."""


def clean(face: Picture, random: np.random.Generator) -> Picture:
    """As it is."""
    return face


def shrunk(face: Picture, less: int) -> Picture:
    """As from a face of `less` pixels a side."""
    import cv2

    side = face.shape[0]
    return cv2.resize(cv2.resize(face, (less, less), interpolation=cv2.INTER_AREA), (side, side))  # type: ignore[return-value]


def dimmed(face: Picture, share: float, noise: float, random: np.random.Generator) -> Picture:
    """At a share of its light, with noise of so many grey levels."""
    import numpy as np

    shown = face * share + random.normal(0, noise, face.shape)
    made: Picture = np.clip(shown, 0, 255).astype(np.uint8)
    return made


def defocused(face: Picture, sigma: float) -> Picture:
    """Out of focus: a Gaussian of `sigma` pixels at 48."""
    import cv2

    return cv2.GaussianBlur(face, (0, 0), sigma * face.shape[0] / 48)  # type: ignore[return-value]


def small(face: Picture, random: np.random.Generator) -> Picture:
    """As from a face of a third to 0.6 of the side, 16 to 27 pixels of 48."""
    side = face.shape[0]
    return shrunk(face, int(random.integers(side // 3, round(0.58 * side))))


def dark(face: Picture, random: np.random.Generator) -> Picture:
    """At 15 to 40 % of its light, with noise of 3 grey levels."""
    return dimmed(face, random.uniform(0.15, 0.4), 3, random)


def blurred(face: Picture, random: np.random.Generator) -> Picture:
    """Out of focus by 1 to 2 pixels at 48."""
    return defocused(face, random.uniform(1, 2))


def turned(face: Picture, random: np.random.Generator) -> Picture:
    """Rolled by up to 25 degrees, and framed a little off: by up to 6 % of the side, at 85 to 110 % of the size."""
    import cv2

    side = face.shape[0]
    move = cv2.getRotationMatrix2D((side / 2, side / 2), random.uniform(-25, 25), random.uniform(0.85, 1.1))
    move[:, 2] = move[:, 2] + random.uniform(-0.0625, 0.0625, 2) * side
    return cv2.warpAffine(face, move, (side, side), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def jpeg(face: Picture, random: np.random.Generator) -> Picture:
    """Compressed at a quality of 10 to 29 of 100."""
    import cv2

    _, packed = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(10, 30))])
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]


CONDITIONS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    made.__name__: made for made in (clean, small, dark, blurred, turned, jpeg)
}
"""By name; `clean` first."""


def under(name: str, faces: Picture) -> Picture:
    """Return N x side x side grey faces under a condition of CONDITIONS."""
    import numpy as np

    random = np.random.default_rng(SEED)
    return np.stack([CONDITIONS[name](face, random) for face in faces]) if len(faces) else faces
