"""Read a folder of pictures, each as one frame."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from annotated_types import Gt

from fervid.pipeline.endings import PICTURES, counted
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import AGAIN, ALONE, FRAMES
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Lost
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.pictures import decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


@register("images")
@dataclass(frozen=True)
class Images(Stage):
    """Pictures in natural order (2.jpg before 10.jpg), turned upright; one that cannot be read is counted.

    Sizes may differ. In a CSV, `source` is the name of the picture.
    """

    path: Annotated[str, Reads(folders=True)]
    """A folder, a picture, or a pattern such as "photos/*.jpg"."""
    fps: Annotated[float, Gt(0)] = 1.0
    """Pictures a second: `time` is the index divided by it. For a time lapse, say how it was taken."""

    needs = ()
    gives = (FRAMES, AGAIN, ALONE)

    def run(self, frames: Frames) -> Generator[Frame]:
        paths = _paths(self.path)
        folder = (Path(self.path) if Path(self.path).is_dir() else paths[0].parent).absolute()
        name = Path(self.path).stem if Path(self.path).is_file() else folder.name
        pictures = _decoded(paths, frames.run.lost)
        first = next(pictures, None)
        if first is None:
            raise InputError(f"{self.path}: none of its {len(paths)} pictures can be read")

        def again() -> Iterator[Frame]:
            return self._frames(_decoded(paths), source)

        height, width = first.image.shape[:2]
        source = Source(name, width, height, fps=self.fps, path=folder, length=len(paths), reopen=again)
        yield from self._frames(chain([first], pictures), source)

    def _frames(self, pictures: Iterable[Picture], source: Source) -> Iterator[Frame]:
        for index, (path, image) in enumerate(pictures):
            name = None if Path(self.path).is_file() else path.name
            yield Frame(index, index / self.fps, image, source, name=name, known={ALONE: True})


class Picture(NamedTuple):
    """A file, and what is in it."""

    path: Path
    image: NDArray[np.uint8]


def _decoded(paths: Iterable[Path], lost: Lost | None = None) -> Iterator[Picture]:
    """Every picture that can be read; with `lost`, those that cannot be are counted and told of."""
    for path in paths:
        image, objection = decode(path)
        if image is not None:
            yield Picture(path, image)
        elif lost:
            log.warning("%s: %s; passed over", path, objection)
            lost.damaged += 1


def _paths(pattern: str) -> list[Path]:
    """Files to read, in natural order.

    Raises:
        InputError: there is none.
    """
    place = Path(pattern)
    if place.is_dir():
        found = _pictures(place)
        if not found:
            raise InputError(f"{pattern}: holds no picture ({', '.join(sorted(PICTURES))})")
    else:
        matches = [place] if place.is_file() else map(Path, glob.glob(pattern, recursive=True))
        found = [path for path in matches if path.is_file()]
        if not found:
            raise InputError(f"{pattern}: no such folder, and no file fits it as a pattern")
    return sorted(found, key=_natural)


def _pictures(folder: Path) -> list[Path]:
    """The pictures of a folder; what else it holds is told."""
    try:
        there = list(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    found = [path for path in there if path.suffix.lower() in PICTURES and path.is_file()]
    others = [path for path in set(there) - set(found) if path.name[0] != "."]
    if kinds := [path.suffix.lower() or "without ending" for path in others if not path.is_dir()]:
        log.warning("%s: passed over what is no picture by its name: %s", folder, counted(kinds))
    if len(kinds) < len(others):
        log.warning("%s: its folders are passed over; the pattern '%s/**/*' takes pictures in them too", folder, folder)
    return found


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort numbers in names by their value."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
