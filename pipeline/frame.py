"""What travels through a pipeline: frames, the faces in them, and the source that they came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast

from fervid.pipeline.fact import Cell, Column, Fact, named
from fervid.pipeline.original import Original
from fervid.pipeline.picture import Patch, Picture, Pixels, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The labels and their order everywhere: FER2013's."""

UNCERTAIN = "uncertain"
"""The label of a face whose best score is below the network's threshold."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, x2 and y2 exclusive; may reach beyond the image."""


class Knowing:
    """What facts can be known of: `it[FACT]` reads what is known, or None, and `it[FACT] = value` writes it.

    Raises:
        ValueError: a fact of faces is to be known of a frame, or one of frames of a face.
    """

    __slots__ = ()
    is_face: ClassVar[bool] = False
    known: dict[Fact[Any], Any]

    def __getitem__(self, fact: Fact[T]) -> T | None:
        return fact.read(self.known, self)

    def __setitem__(self, fact: Fact[T], value: T) -> None:
        if fact.of_faces is not self.is_face:
            raise ValueError(
                f"a face takes facts whose name begins with 'faces.', a frame all others: {fact.name!r} is known of "
                f"a {'face' if fact.of_faces else 'frame'}"
            )
        self.known[fact] = value


@dataclass(slots=True)
class Face(Knowing):
    """One face in one frame: where it is, and what stages know of it. What no stage has filled in is None, never 0."""

    is_face: ClassVar[bool] = True
    box: Box
    score: float
    """The detector's confidence, 0 to 1; of a predicted face that of its last detection."""
    keypoints: NDArray[np.float32] | None = None
    """6 x 2 pixels: the image's left eye, right eye, nose tip, mouth centre, left ear, right ear."""
    track: int | None = None
    """Identity within the run, from 1."""
    status: Literal["detected", "predicted"] = "detected"
    known: dict[Fact[Any], Any] = field(default_factory=dict)
    """What stages have added; `face[FACT]` reads it and `face[FACT] = value` writes it."""

    def __getstate__(self) -> dict[str, Any]:
        """For `frames.keep`: what is known, as cells."""
        own = {name: getattr(self, name) for name in ("box", "score", "keypoints", "track", "status")}
        return {**own, "known": {fact.name: tuple(fact.to_cells(value)) for fact, value in self.known.items()}}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        for name in ("box", "score", "keypoints", "track", "status"):
            setattr(self, name, kept[name])
        self.known = {named[name]: named[name].from_cells(cells) for name, cells in kept["known"].items()}


@dataclass(frozen=True, slots=True)
class Source:
    """What an input is. What happens to it in a run stands in `Run`."""

    name: str
    """Short name for templates such as `out/{name}.csv`; never holds a separator or a password."""
    width: int
    height: int
    fps: float | None = None
    """Nominal frames a second, for display only: times come from `Frame.time`."""
    live: bool = False
    path: Path | None = None
    """The file or folder that was read; None for cameras."""
    original: Original | None = field(default=None, compare=False)
    """The open file, of a source that reads one from its beginning to its end."""
    length: int | None = None
    """Frames expected, for progress; an estimate where the container only estimates."""
    track: int = 0
    """Which of the file's streams of pictures is read, from 0."""
    start: float = 0.0
    """Seconds at which a video of it begins: not 0 for a part, or a clock that begins late."""
    end: float | None = None
    """Seconds at which a part ends; None where the input does."""
    reopen: Callable[[], Iterator[Frame]] | None = field(default=None, compare=False)
    """Reads the same frames once more, without faces; None where that is impossible."""

    @property
    def file(self) -> Path | None:
        """By which the very file that is read can be opened, whatever has its name by now; or `path`."""
        return self.original.name if self.original else self.path


class Frame(Knowing):
    """One picture of a source and all that is known about it."""

    __slots__ = ("__weakref__", "faces", "index", "known", "name", "picture", "source", "time", "wall_time")

    def __init__(
        self,
        index: int,
        time: float,
        image: NDArray[np.uint8] | Picture,
        source: Source,
        faces: list[Face] | None = None,
        name: str | None = None,
        wall_time: datetime | None = None,
        known: dict[Fact[Any], Any] | None = None,
    ) -> None:
        self.index = index
        """0-based count of the source's frames; of a live source, of those that were taken."""
        self.time = time
        """Seconds: the container's presentation timestamp; of a live source, since its first frame."""
        self.picture = Picture.of(image)
        """What it shows, in the form in which it came until `image` is asked for."""
        self.source = source
        self.faces: list[Face] = [] if faces is None else faces
        self.name = name
        """Of the picture's own file, where it has one."""
        self.wall_time = wall_time
        """UTC time of capture, of live sources only."""
        self.known: dict[Fact[Any], Any] = {} if known is None else known
        """What stages have added; `frame[FACT]` reads it and `frame[FACT] = value` writes it."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """Height x width x 3, BGR, contiguous; made when it is first asked for. What is written into it stays.

        A stage that changes pixels gives CHANGED. One that needs a part, or a copy in grey or small, asks `picture`.
        """
        if not isinstance(self.picture, Pixels):
            self.picture = Pixels(self.picture.bgr())
        return self.picture.image

    @image.setter
    def image(self, image: NDArray[np.uint8]) -> None:
        self.picture = Pixels(image)

    def opened(self, places: Sequence[Place]) -> list[Patch]:
        """Patches of the picture to paint into, each of these places being wholly in one of them.

        Where few are painted into, the rest of the picture stays in the form in which it came.
        """
        self.picture, patches = self.picture.opened(places)
        return patches

    def __getstate__(self) -> dict[str, Any]:
        """For `frames.keep`: its faces, not its picture: the stages behind have seen this frame already."""
        return {"index": self.index, "time": self.time, "name": self.name, "faces": self.faces}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        import numpy as np

        nothing = np.empty((0, 0, 3), np.uint8)
        self.__init__(kept["index"], kept["time"], nothing, Source("", 0, 0), kept["faces"], kept["name"])  # type: ignore[misc]


class _OfItself(Fact[Face]):
    """What stands in the fields of a face, so that each face has it."""

    def read(self, known: Mapping[Fact[Any], Any], holder: object) -> Face:
        return cast(Face, holder)


def _place(face: Face) -> Sequence[Cell]:
    x1, y1, x2, y2 = face.box
    return face.score, x1, y1, x2 - x1, y2 - y1


FACES: Fact[Face] = _OfItself(
    "faces",
    "faces",
    (
        Column("score", "the detector's confidence, 0 to 1", summed_up=False),
        Column("x", "left edge of the face", "pixels", decimals=2, summed_up=False),
        Column("y", "upper edge of the face", "pixels", decimals=2, summed_up=False),
        Column("w", "width of the face", "pixels", decimals=2, summed_up=False),
        Column("h", "height of the face", "pixels", decimals=2, summed_up=False),
    ),
    cells=_place,
)
TRACKS: Fact[Face] = _OfItself(
    "faces.track",
    "face tracks",
    (
        Column("face_id", "identity of the face within this run, from 1", type="int", summed_up=False),
        Column("status", "detected, or predicted where the tracker bridges a gap", type="text", summed_up=False),
    ),
    cells=lambda face: (face.track, face.status),
)
FOUND: Fact[frozenset[Box]] = Fact("frames.found", "places of all faces that were found")
"""Noted by what finds faces and by what drops some, for those who must know of all of them."""


def found(frame: Frame) -> frozenset[Box]:
    """Where faces were found or predicted in a frame, those that were dropped since among them.

    What is to drop faces notes it first: `frame[FOUND] = found(frame)`.
    """
    boxes = {face.box for face in frame.faces if all(map(math.isfinite, face.box))}
    return (frame[FOUND] or frozenset()) | boxes
