"""Read a folder of pictures, each as one frame."""

from __future__ import annotations

import glob
import hashlib
import logging
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from annotated_types import Gt

from fervid.pipeline.endings import PICTURES, counted, ending
from fervid.pipeline.errors import InputError
from fervid.pipeline.fact import AGAIN, ALONE, FRAMES
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.frames import Frames
from fervid.pipeline.record import Lost
from fervid.pipeline.roles import Reads
from fervid.pipeline.stage import Stage, register
from fervid.stages.sources.decoding.pictures import count, decoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


@register("images")
@dataclass(frozen=True)
class Images(Stage):
    """Pictures in natural order (2.jpg before 10.jpg), turned upright; one that cannot be read is counted.

    Sizes may differ. In a CSV, `source` is the name of the picture. Animations, and TIFF of several pages, give all
    that is in them.
    """

    path: Annotated[str, Reads(folders=True)]
    """A folder, a picture, or a pattern such as "photos/*.jpg"."""
    fps: Annotated[float, Gt(0)] = 1.0
    """Pictures a second: `time` is the index divided by it. For a time lapse, say how it was taken. An animation that
    stands alone keeps its own times."""

    needs = ()
    gives = (FRAMES, AGAIN, ALONE)

    def run(self, frames: Frames) -> Generator[Frame]:
        paths = _paths(self.path)
        frames.run.note("images", _listed(paths))
        folder = (Path(self.path) if Path(self.path).is_dir() else paths[0].parent).absolute()
        name = Path(self.path).stem if Path(self.path).is_file() else folder.name
        pictures = _decoded(paths, frames.run.lost)
        first = next(pictures, None)
        if first is None:
            raise InputError(f"{self.path}: none of its {len(paths)} pictures can be read")

        def again() -> Iterator[Frame]:
            return self._frames(_decoded(paths), source, alone=len(paths) == 1)

        height, width = first.image.shape[:2]
        length = count(paths[0]) if Path(self.path).is_file() else len(paths)
        source = Source(name, width, height, fps=self.fps, path=folder, length=length, reopen=again)
        yield from self._frames(chain([first], pictures), source, alone=len(paths) == 1)

    def _frames(self, pictures: Iterable[Picture], source: Source, *, alone: bool) -> Iterator[Frame]:
        named, time = not Path(self.path).is_file(), 0.0
        for index, (path, image, seconds) in enumerate(pictures):
            moves = alone and seconds is not None
            when, name = time if moves else index / self.fps, path.name if named else None
            yield Frame(index, when, image, source, name=name, known={} if moves else {ALONE: True})
            time += seconds or 0.0


class Picture(NamedTuple):
    """A picture, the file that it is in, and how long an animation shows it."""

    path: Path
    image: NDArray[np.uint8]
    seconds: float | None


def _decoded(paths: Iterable[Path], lost: Lost | None = None) -> Iterator[Picture]:
    """Every picture that can be read; with `lost`, those that cannot be are counted and told of."""
    for path in paths:
        for image, objection, seconds in decoded(path):
            if image is not None:
                yield Picture(path, image, seconds)
            elif lost:
                log.warning("%s: %s; passed over", path, objection)
                lost.damaged += 1


def _listed(paths: Sequence[Path]) -> dict[str, Any]:
    """Which files were read, as far as names, sizes and times of change tell."""
    states = (path.stat() for path in paths)
    lines = [f"{path} {state.st_size} {state.st_mtime_ns}" for path, state in zip(paths, states, strict=True)]
    return {"count": len(paths), "sha256": hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()}


def _paths(pattern: str) -> list[Path]:
    """Files to read, in natural order.

    Raises:
        InputError: there is none.
    """
    place = Path(pattern)
    if place.is_dir():
        found, others = _apart(place)
        if not found:
            raise InputError(
                f"{pattern}: holds no picture ({', '.join(sorted(PICTURES))}){others and f', but {others}'}"
            )
        if others:
            log.warning("%s: %s passed over; what is a picture there is read once it is saved as JPEG", pattern, others)
    else:
        matches = [place] if place.is_file() else map(Path, glob.glob(pattern, recursive=True))
        found = [path for path in matches if path.is_file()]
        if not found:
            raise InputError(f"{pattern}: no such folder, and no file fits it as a pattern")
    return sorted(found, key=_natural)


def _apart(folder: Path) -> tuple[list[Path], str]:
    """Pictures of a folder, and in words how many of what else there is."""
    try:
        there = [path for path in folder.iterdir() if path.name[0] != "."]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    found = [path for path in there if path.suffix.lower() in PICTURES and path.is_file()]
    others = sorted(set(there) - set(found))
    return found, counted("folder" if path.is_dir() else ending(path) for path in others)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort numbers in names by their value."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
