"""Decode the file of a picture or an animation, unless it would fill the memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fervid.stages.sources.decoding.orientation import of_picture, upright
from fervid.stages.sources.decoding.pixels import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FORMATS = ("JPEG", "MPO", "PNG", "BMP", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
"""What Pillow may take a file for; others of its formats start programs or name other files."""
ANIMATED = ("WEBP", "TIFF", "GIF", "PNG", "AVIF")
"""Formats whose further pictures are frames; those of MPO are previews and depths of the first."""
SWIFT = ("JPEG", "MPO", "PNG", "BMP", "WEBP")
"""What OpenCV decodes, to the same pixels, in less time."""
LARGEST = 8 * MAX_PIXELS
"""Bytes of a file: those of the largest picture, uncompressed and with 16 bits a channel, and some."""
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of the pictures that phones take, by which a file is told whatever its name."""
MISTAKES = (OSError, ValueError, SyntaxError, TypeError, KeyError, EOFError, MemoryError)
"""What damaged files make Pillow raise."""
UNTOLD = 100
"""Milliseconds for which browsers show a picture of an animation that names none."""
SUBFILE, COPY = 254, 0b101
"""TIFF's tag for pages that are a smaller copy, or a mask, of another one."""


class Decoded(NamedTuple):
    """A picture, or why there is none."""

    image: NDArray[np.uint8] | None
    objection: str = ""
    seconds: float | None = None
    """How long it is shown, where the file is an animation."""


def decode(path: Path, *, grey: bool = False) -> Decoded:
    """The picture, of an animation the first."""
    return next(decoded(path, grey=grey))


def decoded(path: Path, *, grey: bool = False) -> Iterator[Decoded]:
    """Each picture of a file: height x width x 3, BGR, or height x width; upright as its EXIF says.

    At least one comes out; where the first cannot be decoded, or one of several, it is the last.
    """
    from PIL.Image import DecompressionBombError

    try:
        with warnings.catch_warnings(action="ignore"):
            yield from _decoded(path, grey)
    except DecompressionBombError:
        yield Decoded(None, "is larger than fervid reads")
    except MISTAKES:
        yield Decoded(None, _why(path))


def count(path: Path) -> int:
    """How many pictures a file holds; 1 where that cannot be told."""
    from PIL.Image import DecompressionBombError

    with suppress(DecompressionBombError, *MISTAKES), _opened(path) as head:
        return len(_pages(head))
    return 1


def _opened(path: Path) -> Image:
    from PIL import Image

    Image.init()
    with warnings.catch_warnings(action="ignore"):
        return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


def _why(path: Path) -> str:
    """What is the matter with a file that no decoder takes."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp" and head[8:12] in HEIF:
            return "is HEIC, which is not read here; save it as JPEG"
    return "cannot be read as a picture"


def _decoded(path: Path, grey: bool) -> Iterator[Decoded]:
    if (size := path.stat().st_size) > LARGEST:
        yield Decoded(None, f"its {size / 1e9:.1f} GB are more than fervid reads")
        return
    with _opened(path) as head:
        width, height = head.size
        if width * height > MAX_PIXELS:
            yield Decoded(None, f"its {width} x {height} pixels are more than fervid reads")
            return
        pages = _pages(head)
        if len(pages) == 1 and head.format in SWIFT:
            yield _swift(path, head, grey)
            return
        for page in pages:
            head.seek(page)
            yield _page(head, grey, len(pages) > 1)


def _pages(head: Image) -> list[int]:
    """Numbers of the pictures that count."""
    count = getattr(head, "n_frames", 1) if head.format in ANIMATED else 1
    first = 1 if count > 1 and getattr(head, "default_image", False) else 0
    pages = list(range(first, count))
    if head.format != "TIFF" or count == 1:
        return pages
    return [page for page in pages if not _is_copy(head, page)] or [0]


def _is_copy(head: Image, page: int) -> bool:
    head.seek(page)
    return bool(head.tag_v2.get(SUBFILE, 0) & COPY)  # type: ignore[attr-defined]


def _swift(path: Path, head: Image, grey: bool) -> Decoded:
    import cv2
    import numpy as np

    flags = (cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    with suppress(cv2.error, MemoryError):
        image = cv2.imdecode(np.fromfile(path, np.uint8), flags)
        if image is not None:
            return Decoded(upright(np.ascontiguousarray(image, np.uint8), of_picture(head)))
    return Decoded(None, "cannot be read as a picture")


def _page(page: Image, grey: bool, animated: bool) -> Decoded:
    import cv2
    import numpy as np

    turned = of_picture(page) if page.format != "TIFF" else None  # Pillow turns TIFF itself
    if page.width * page.height > MAX_PIXELS:
        return Decoded(None, f"its {page.width} x {page.height} pixels are more than fervid reads")
    shown = _eight_bits(page).convert("L" if grey else "RGB")
    image = np.asarray(shown) if grey else cv2.cvtColor(np.asarray(shown), cv2.COLOR_RGB2BGR)
    seconds = (page.info.get("duration") or UNTOLD) / 1000 if animated and page.format != "TIFF" else None
    return Decoded(upright(np.array(image, np.uint8), turned) if turned else np.array(image, np.uint8), "", seconds)


def _eight_bits(page: Image) -> Image:
    """Of a picture with 16 bits a pixel the upper eight, which Pillow would cut off."""
    import numpy as np
    from PIL import Image

    if not page.mode.startswith("I"):
        return page
    return Image.fromarray((np.asarray(page).clip(0, 0xFFFF) >> 8).astype(np.uint8))
