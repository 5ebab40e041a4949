"""Text and plates as sprites: made once with Pillow's type, put into a picture in microseconds."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fervid.stages.sinks.drawing.colors import DARK, Color

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import ImageFont

    Image = NDArray[np.uint8]

FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
OPACITY = 0.74
FINE = 4
"""Corners are drawn so many times larger and scaled down, for smooth edges."""


class Sprite(NamedTuple):
    """A picture with transparency; both arrays are height x width x 3."""

    ink: Image
    """Colour times opacity."""
    keep: Image
    """What of the picture below shows through, 0 to 255."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.ink.shape[1], self.ink.shape[0]


def paste(image: Image, sprite: Sprite, x: int, y: int) -> None:
    """Put a sprite over the picture, its upper left corner at x, y; what reaches beyond the picture is cut off."""
    import cv2

    (width, height), (bottom, right) = sprite.size, image.shape[:2]
    x1, y1, x2, y2 = max(0, x), max(0, y), min(right, x + width), min(bottom, y + height)
    if x1 < x2 and y1 < y2:
        below, part = image[y1:y2, x1:x2], (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x))
        cv2.multiply(below, sprite.keep[part], dst=below, scale=1 / 255)
        cv2.add(below, sprite.ink[part], dst=below)


def plate(width: int, height: int, radius: int) -> Sprite:
    """A dark, half transparent plate with round corners."""
    import numpy as np
    from PIL import Image, ImageDraw

    large = Image.new("L", (width * FINE, height * FINE))
    corners = (0, 0, width * FINE - 1, height * FINE - 1)
    ImageDraw.Draw(large).rounded_rectangle(corners, radius * FINE, fill=round(255 * OPACITY))
    opacity = np.asarray(large.resize((width, height), Image.Resampling.BOX))
    return Sprite(_tint(opacity, DARK), np.dstack([255 - opacity] * 3))


def write(sprite: Sprite, text: str, x: int, middle: int, size: int, color: Color, *, bold: bool = False) -> int:
    """Write into a sprite, from x on, centred on the line `middle`; return where the text ends."""
    import numpy as np

    opacity = glyphs(text, size, bold)
    height, width = opacity.shape
    top = middle - height // 2
    area = slice(top, top + height), slice(x, x + width)
    rest = 1 - opacity[:, :, None] / 255
    sprite.ink[area] = np.rint(sprite.ink[area] * rest + _tint(opacity, color))
    sprite.keep[area] = np.rint(sprite.keep[area] * rest)
    return x + width


@lru_cache(maxsize=1024)
def glyphs(text: str, size: int, bold: bool = False) -> Image:
    """The opacity of a text, as high as the font's capital letters with room above and below."""
    import numpy as np
    from PIL import Image as Pillow
    from PIL import ImageDraw

    font = _font(size, bold)
    width = round(font.getlength(text))
    mask = Pillow.new("L", (max(1, width), 2 * (round(size * 0.36) + _room(size))))
    ImageDraw.Draw(mask).text((0, mask.height - _room(size)), text, fill=255, font=font, anchor="ls")
    return np.asarray(mask)


def _room(size: int) -> int:
    """Pixels for the parts of letters below their line."""
    return round(size * 0.26)


@lru_cache(maxsize=16)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    spec = importlib.util.find_spec("matplotlib")
    folder = Path(((spec and spec.submodule_search_locations) or [""])[0], "mpl-data", "fonts", "ttf")
    return ImageFont.truetype(str(folder / FONTS[bold]), size)


def _tint(opacity: Image, color: Color) -> Image:
    import numpy as np

    tinted: Image = np.rint(opacity[:, :, None] / 255 * np.array(color)).astype(np.uint8)
    return tinted
