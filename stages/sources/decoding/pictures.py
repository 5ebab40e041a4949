"""Decode a picture's file, unless it would fill the memory."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fervid.stages.sources.decoding.pixels import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LARGEST = 8 * MAX_PIXELS
"""Bytes of a file: those of the largest picture, uncompressed and with 16 bits a channel, and some."""


class Decoded(NamedTuple):
    """A picture, or why there is none."""

    image: NDArray[np.uint8] | None
    objection: str = ""


def decode(path: Path, *, grey: bool = False) -> Decoded:
    """Height x width x 3, BGR, or height x width; upright as its EXIF says."""
    import cv2
    import numpy as np

    if objection := _objection(path):
        return Decoded(None, objection)
    with suppress(OSError, MemoryError, cv2.error):
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
        if image is not None:
            return Decoded(np.ascontiguousarray(image, np.uint8))
    return Decoded(None, "cannot be read as a picture")


def _objection(path: Path) -> str:
    """Why a picture is not to be decoded, judged by its size and its head."""
    from PIL import Image, UnidentifiedImageError

    try:
        if (size := path.stat().st_size) > LARGEST:
            return f"its {size / 1e9:.1f} GB are more than fervid reads"
        with warnings.catch_warnings(action="ignore"), Image.open(path) as head:
            width, height = head.size
    except Image.DecompressionBombError:
        return "is larger than fervid reads"
    except (OSError, UnidentifiedImageError, ValueError):
        return "cannot be read as a picture"
    return f"its {width} x {height} pixels are more than fervid reads" if width * height > MAX_PIXELS else ""
