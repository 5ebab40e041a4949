"""Read a folder of pictures, each as one frame."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Gt

from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
MAX_PIXELS = 1 << 26
"""Of one picture; a small file can claim to be huge."""


@register("images")
@dataclass(frozen=True)
class Images(Stage):
    """Pictures in natural order (2.jpg before 10.jpg), turned upright; one that cannot be read is counted."""

    path: str
    """A folder, or a pattern such as "photos/*.jpg"."""
    fps: Annotated[float, Gt(0)] = 1.0
    """Pictures a second: `time` is the index divided by it. For a time lapse, say how it was taken."""

    needs = frozenset()
    gives = frozenset({"frames"})
    input: ClassVar[str | None] = "path"
    folders: ClassVar[bool] = True

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        paths = _paths(self.path)
        folder = Path(self.path) if Path(self.path).is_dir() else paths[0].absolute().parent
        source = Source(folder.absolute().name, 0, 0, fps=self.fps, path=folder.absolute(), length=len(paths))
        source.reopen = lambda: self._frames(paths, source, again=True)
        yield from self._frames(paths, source)
        if not source.width:
            raise InputError(f"{self.path}: none of its {len(paths)} pictures can be read")

    def _frames(self, paths: list[Path], source: Source, again: bool = False) -> Iterator[Frame]:
        index = 0
        for path in paths:
            image = _read(path)
            if image is None:
                if not again:
                    source.damaged += 1
                    log.warning("%s: cannot be read as a picture; passed over", path)
                continue
            if not index:
                source.height, source.width = image.shape[:2]
            yield Frame(index, index / self.fps, image, source)
            index += 1


def _paths(pattern: str) -> list[Path]:
    """Files to read, in natural order.

    Raises:
        InputError: there is none.
    """
    folder = Path(pattern)
    if folder.is_dir():
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not found:
            raise InputError(f"{pattern}: holds no picture ({', '.join(sorted(SUFFIXES))})")
    else:
        found = [path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file()]
        if not found:
            raise InputError(f"{pattern}: no such folder, and no file fits it as a pattern")
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort numbers in names by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", str(path))]


def _read(path: Path) -> NDArray[np.uint8] | None:
    """Height x width x 3, BGR, upright as its EXIF says; None where it is no picture."""
    import cv2
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as header:
            if header.width * header.height > MAX_PIXELS:
                return None
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, cv2.error):
        return None
    return None if image is None else np.ascontiguousarray(image, np.uint8)
