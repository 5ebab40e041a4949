"""Read a folder of pictures, each as one frame."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Gt

from fervid.pipeline.endings import PICTURES
from fervid.pipeline.errors import InputError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.pictures import decode

log = logging.getLogger(__name__)


@register("images")
@dataclass(frozen=True)
class Images(Stage):
    """Pictures in natural order (2.jpg before 10.jpg), turned upright; one that cannot be read is counted.

    Sizes may differ. In a CSV, `source` is the name of the picture.
    """

    path: str
    """A folder, a picture, or a pattern such as "photos/*.jpg"."""
    fps: Annotated[float, Gt(0)] = 1.0
    """Pictures a second: `time` is the index divided by it. For a time lapse, say how it was taken."""

    needs = frozenset()
    gives = frozenset({"frames"})
    input: ClassVar[str | None] = "path"
    folders: ClassVar[bool] = True

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        paths = _paths(self.path)
        folder = (Path(self.path) if Path(self.path).is_dir() else paths[0].parent).absolute()
        name = Path(self.path).stem if Path(self.path).is_file() else folder.name
        source = Source(name, 0, 0, fps=self.fps, path=folder, length=len(paths))
        source.reopen = lambda: self._frames(paths, source)
        yield from self._frames(paths, source, first=True)
        if not source.width:
            raise InputError(f"{self.path}: none of its {len(paths)} pictures can be read")

    def _frames(self, paths: list[Path], source: Source, first: bool = False) -> Iterator[Frame]:
        """Every picture that can be read; the first reading counts the damage and tells of it."""
        index = 0
        for path in paths:
            image, objection = decode(path)
            if image is None:
                if first:
                    log.warning("%s: %s; passed over", path, objection)
                source.damaged += first
                continue
            if not index:
                source.height, source.width = image.shape[:2]
            name = path.name if len(paths) > 1 else None
            yield Frame(index, index / self.fps, image, source, name=name)
            index += 1


def _paths(pattern: str) -> list[Path]:
    """Files to read, in natural order.

    Raises:
        InputError: there is none.
    """
    place = Path(pattern)
    if place.is_dir():
        found = [path for path in place.iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
        if not found:
            raise InputError(f"{pattern}: holds no picture ({', '.join(sorted(PICTURES))})")
    else:
        matches = [place] if place.is_file() else map(Path, glob.glob(pattern, recursive=True))
        found = [path for path in matches if path.is_file()]
        if not found:
            raise InputError(f"{pattern}: no such folder, and no file fits it as a pattern")
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort numbers in names by their value."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
