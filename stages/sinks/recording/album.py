"""Pictures of one run: each under a name of its own, marked with what it was made of, and a page about all."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fervid.pipeline.errors import OutputError
from fervid.pipeline.frame import Frame
from fervid.pipeline.naming import folded, harmless
from fervid.pipeline.output import write
from fervid.pipeline.ownership import Origin, Record, check, origin, paged, spare
from fervid.pipeline.provenance import provenance, standing
from fervid.pipeline.record import Run

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
"""Pillow's words for them."""
QUICK = {"compress_level": 1, "method": 2}
"""Of PNG and WebP: files are up to a quarter larger than with the defaults of Pillow, and made in half of the time."""
DESCRIPTION, SOFTWARE = 0x010E, 0x0131
"""Tags of EXIF."""


@dataclass
class Album:
    """What a run knows of the pictures that it has written."""

    taken: dict[str, str] = field(default_factory=dict)
    """The file of the picture that has a name."""
    count: int = 0
    alone: bool = False
    """Whether the input is one picture, which needs no page."""

    def name(self, frame: Frame, numbered: str) -> str:
        """The name of a frame's picture, which no other one of the run has."""
        if frame.name is None:
            return numbered
        stem = Path(frame.name).stem
        other, name = self.taken.get(_key(stem)), stem
        if other is not None and folded(other) != folded(frame.name):
            name = frame.name
        while _key(name) in self.taken:
            name = f"{stem}_{frame.index:06d}" if name in (stem, frame.name) else f"{name}_"
        self.taken[_key(name)] = frame.name
        return name

    def told(self, run: Run) -> str:
        """The page about all of them."""
        page = {**standing(run, self.count), "pictures": self.count, **provenance(run)}
        return json.dumps(page, indent=2) + "\n"


def _key(name: str) -> str:
    return folded(harmless(name))


def put(frame: Frame, path: Path, quality: int, run: Run) -> None:
    """Write a frame's picture, marked with what it was made from.

    Raises:
        OutputError: it cannot be written, or would replace what must not be replaced.
    """
    check(path, run, MARK)
    spare(path, run)
    write(path, _encoded(frame, path, quality, origin(frame.source).text))


def _encoded(frame: Frame, path: Path, quality: int, description: str) -> bytes:
    import cv2
    from PIL import Image

    picture = Image.fromarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB))
    exif = picture.getexif()
    exif[DESCRIPTION], exif[SOFTWARE] = description, _software()
    file = io.BytesIO()
    try:
        picture.save(file, FORMATS[path.suffix.lower()], quality=quality, exif=exif, **QUICK)
    except (OSError, ValueError):
        size = f"{picture.width} x {picture.height}"
        raise OutputError(f"{path}: holds no picture of {size} pixels; write .png") from None
    return file.getvalue()


def marked(path: Path) -> Origin | None:
    """What a picture was made from, as its description says."""
    from PIL import Image

    with suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError), Image.open(path) as picture:
        return Origin.read(str(picture.getexif().get(DESCRIPTION, "")))
    return None


MARK = Record(marked)
PAGE = Record(lambda path: paged(path.with_suffix("")))
"""Of the page itself, which lies beside no file where there are several pictures."""


@cache
def _software() -> str:
    return f"fervid {version('fervid')}"
