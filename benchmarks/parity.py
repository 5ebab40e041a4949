"""Whether two ways to look at the same frame find the same faces.

python benchmarks/parity.py FOLDER_OF_CLIPS FER2013_CSV [--faces 500] [--sizes 24,32,48,64,96,128,200,300]

Clips are taken whole; faces of PublicTest are pasted at random places into pictures of 640 x 360, each at every size in
turn. Table `runtime`: LiteRT with fervid's anchors, decoding and suppression, beside MediaPipe's own `mp.solutions`,
both given the very same small copy. `same` is the share of pictures with as many faces in both; differences are the
largest of all faces in those: of boxes and keypoints in shares of the picture's width, and of scores. `found` is the
share of pasted faces that have a box of either upon them.

Table `planes`: the small copy that is made of a decoder's planes beside that of the array, and for comparison that of
the array beside that of the array with one grey level of noise (`short ±1`). Pictures that are arrays already are made
planes first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from framing import inside, paste
from numpy.typing import NDArray

from fervid.pipeline import Face, Frame, Frames, Pipeline, Source
from fervid.pipeline.picture import Pixels
from fervid.stages.faces.detection.blazeface import FULL_FLOOR
from fervid.stages.faces.detection.letterbox import find, small_copy
from fervid.stages.faces.detection.litert import Networks
from fervid.stages.faces.detection.mediapipe_faces import Finder
from fervid.stages.faces.detection.silence import silent
from fervid.stages.sources.decoding.decoded import Decoded
from fervid.stages.sources.fer2013 import Fer2013

SIZE = 640, 360
"""Pixels of a picture into which a face is pasted."""
LEAST = {"short": 0.5, "full": FULL_FLOOR}
"""Scores from which a face counts."""

Look = Callable[[Frame], list[Face]]
"""Gives faces in shares of the picture."""


@dataclass(frozen=True)
class Shown:
    """A frame, and where a face was pasted into it."""

    frame: Frame
    at: NDArray[np.int64] | None = None
    side: int = 0


Sets = Mapping[str, Callable[[], Iterable[Shown]]]


@dataclass
class Row:
    """What came of one set of pictures."""

    pictures: int = 0
    same: int = 0
    faces: int = 0
    pasted: int = 0
    found: list[int] = field(default_factory=lambda: [0, 0])
    largest: dict[str, float] = field(default_factory=lambda: {"boxes": 0.0, "keypoints": 0.0, "scores": 0.0})

    def add(self, shown: Shown, both: tuple[list[Face], list[Face]]) -> None:
        """Compare what either found in a picture."""
        self.pictures += 1
        if shown.at is not None:
            self.pasted += 1
            self.found = [
                count + any(upon(face, shown) for face in faces) for count, faces in zip(self.found, both, strict=True)
            ]
        if len(both[0]) == len(both[1]):
            self.same += 1
            self.faces += len(both[0])
            for one, other in zip(*(sorted(faces, key=lambda face: face.box) for faces in both), strict=True):
                self._differ(one, other, shown.frame.source)

    def _differ(self, one: Face, other: Face, source: Source) -> None:
        unit = np.array((1.0, source.height / source.width))
        now = {
            "boxes": (np.array(one.box) - other.box).reshape(2, 2) * unit,
            "keypoints": (np.array(one.keypoints) - np.array(other.keypoints)) * unit,
            "scores": np.array(one.score - other.score),
        }
        self.largest = {name: max(before, float(np.abs(now[name]).max())) for name, before in self.largest.items()}

    def __str__(self) -> str:
        largest = " ".join(f"{value:9.1e}" for value in self.largest.values())
        found = "/".join(f"{count / self.pasted:.1%}" if self.pasted else "-" for count in self.found)
        return f"{self.pictures:8} {self.same / max(self.pictures, 1):9.2%} {self.faces:6} {largest} {found:>13}"


def main() -> None:
    """Print the table, a row for each set of pictures and range."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("clips", type=Path)
    arguments.add_argument("csv", type=Path)
    arguments.add_argument("--faces", type=int, default=500)
    arguments.add_argument("--sizes", default="24,32,48,64,96,128,200,300")
    given = arguments.parse_args()
    sets: dict[str, Callable[[], Iterable[Shown]]] = {}
    for path in sorted(given.clips.iterdir()):
        sets[path.name] = partial(clip, path)
    for side in map(int, given.sizes.split(",")):
        sets[f"pasted, {side} pixels"] = partial(pasted, given.csv, given.faces, side)
    runtime(sets)
    planes(sets)


def planes(sets: Sets) -> None:
    """Small copies of planes, and of noisy arrays, beside those of arrays."""
    networks, random = Networks(), np.random.default_rng(0)
    finders = {
        "short": partial(find, networks.short, least=LEAST["short"]),
        "full": partial(find, networks.full(), least=LEAST["full"]),
    }
    pairs: dict[str, tuple[Look, Look]] = {}
    for name, finder in finders.items():
        pairs[name] = partial(seen, finder), partial(seen_as_array, finder)
        pairs[f"{name} ±1"] = partial(seen_as_array, finder), partial(seen_with_noise, finder, random)
    table("planes", {name: partial(as_planes, pictures) for name, pictures in sets.items()}, pairs)


def seen(finder: Finder, frame: Frame) -> list[Face]:
    """In the small copy of a picture as it came."""
    return finder(small_copy(frame.picture))


def seen_as_array(finder: Finder, frame: Frame) -> list[Face]:
    """In that of its array."""
    return finder(small_copy(Pixels(frame.picture.bgr())))


def seen_with_noise(finder: Finder, random: np.random.Generator, frame: Frame) -> list[Face]:
    """In that of its array, each value of which is one more, one less, or as it was."""
    image = frame.picture.bgr().astype(np.int16)
    noisy = image + random.integers(-1, 2, image.shape, np.int16)
    return finder(small_copy(Pixels(np.clip(noisy, 0, 255).astype(np.uint8))))


def as_planes(pictures: Callable[[], Iterable[Shown]]) -> Iterator[Shown]:
    """The same, as a decoder gives them."""
    for shown in pictures():
        if isinstance(shown.frame.picture, Pixels):
            even = shown.frame.image[: shown.frame.picture.height // 2 * 2, : shown.frame.picture.width // 2 * 2]
            made = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "bgr24").reformat(format="yuv420p")
            shown.frame.picture = Decoded(made)
        yield shown


def runtime(sets: Sets) -> None:
    """LiteRT beside `mp.solutions`, on one small copy."""
    networks = Networks()
    ours = {"short": partial(find, networks.short), "full": partial(find, networks.full())}
    with ExitStack() as stack:
        theirs = {name: stack.enter_context(solutions(number)) for number, name in enumerate(LEAST)}
        table(
            "runtime",
            sets,
            {
                name: (partial(seen, partial(ours[name], least=LEAST[name])), partial(seen, theirs[name]))
                for name in LEAST
            },
        )


def table(name: str, sets: Sets, pairs: Mapping[str, tuple[Look, Look]]) -> None:
    """Compare the looks of each pair on every set of pictures, and on all."""
    head = "pictures      same  faces     boxes keypoints    scores         found"
    print(f"{name:26} {'pair':8} {head}", flush=True)
    whole = {pair: Row() for pair in pairs}
    for words, pictures in sets.items():
        rows = {pair: Row() for pair in pairs}
        for shown in pictures():
            for pair, (one, other) in pairs.items():
                both = one(shown.frame), other(shown.frame)
                rows[pair].add(shown, both)
                whole[pair].add(shown, both)
        tell(words, rows)
    tell("all", whole)


def tell(words: str, rows: Mapping[str, Row]) -> None:
    """A line for each pair."""
    for pair, row in rows.items():
        print(f"{words:26} {pair:8} {row}", flush=True)


def upon(face: Face, shown: Shown) -> bool:
    """Whether a face, in shares of the picture, lies in the pasted square."""
    assert shown.at is not None
    unit = np.array((shown.frame.source.width, shown.frame.source.height) * 2)
    x1, y1, x2, y2 = (face.box * unit).tolist()
    return inside(Face((x1, y1, x2, y2), face.score), shown.at, shown.side)


def clip(path: Path) -> Iterator[Shown]:
    """Its frames."""
    source = "images" if path.suffix in {".jpg", ".png"} else "file"
    yield from map(Shown, Pipeline.parse(f'stages:\n  - {source}: {{path: "{path}"}}'))


def pasted(csv: Path, count: int, side: int) -> Iterator[Shown]:
    """Faces of one size, each in a picture of its own."""
    faces = list(Fer2013(csv, split="validation").run(Frames()))
    random, source = np.random.default_rng(side), Source("pasted", *SIZE)
    for frame in faces[:: max(1, len(faces) // count)][:count]:
        at = random.integers(0, (SIZE[0] - side + 1, SIZE[1] - side + 1))
        picture = paste(np.ascontiguousarray(frame.image[:, :, 0]), side, at, SIZE, "blur")
        yield Shown(Frame(frame.index, frame.time, picture, source), at, side)


@contextmanager
def solutions(model: int) -> Iterator[Finder]:
    """MediaPipe's older graphs: the short range (0), the full range (1)."""
    import mediapipe

    with silent():
        least = [*LEAST.values()][model]
        graph = mediapipe.solutions.face_detection.FaceDetection(least, model_selection=model)
        graph.process(np.zeros((128, 128, 3), np.uint8))
    with closing(graph):
        yield lambda picture: [face_of(one) for one in graph.process(picture).detections or []]


def face_of(found: Any) -> Face:
    """What MediaPipe says of one, as fervid does."""
    place, points = found.location_data.relative_bounding_box, found.location_data.relative_keypoints
    box = place.xmin, place.ymin, place.xmin + place.width, place.ymin + place.height
    return Face(box, float(found.score[0]), np.array([(point.x, point.y) for point in points], np.float32))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
