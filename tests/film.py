"""Edited films and meetings with a known truth: people come after each other at the very same place, by hard cuts.

All are real people in their real surroundings: each picture is a piece of a clip, turned into a view in which the face
falls where it shall.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from crowd import HEIGHT, OVERLAP, WIDTH, Picture, _iou, faces_of

from fervid.pipeline import Frame, Frames, Pipeline, Source
from fervid.pipeline.frame import Box
from fervid.stages.faces.detect import Detect
from fervid.stages.faces.track import Track

SECONDS = 8.0
CLIPS = (
    ("one_face_talking.mp4", 300, 0),
    ("one_face_short.mp4", 0, 0),
    ("two_faces_head_pose.gif", 0, 0),
    ("two_faces_head_pose.gif", 0, 1),
)
"""File, first frame, and which face from the left: everyone once."""
GROUP = "group.jpg"
"""Five more."""
TAKES = 25
"""Frames taken of each clip, shown forth and back at 25 a second."""
SHARE = 0.36
"""The height of a face, in heights of its tile."""


class Take(NamedTuple):
    """A picture, and where the face in it is."""

    image: Picture
    face: Box


class Person(NamedTuple):
    """Who is where."""

    number: int
    box: Box


class Seen(NamedTuple):
    """A frame: the truth, and what `track` says."""

    people: list[Person]
    found: list[tuple[int, Box]]


@dataclass(frozen=True)
class Film:
    """One speaker after the other, or four at a time in tiles that change one by one."""

    clips: Path
    seed: int = 0
    tiles: int = 1
    """How many tiles stand beside and below each other."""
    fps: float = 25.0

    def shots(self) -> Generator[tuple[Frame, list[Person]]]:
        """Frames, each with who is where."""
        random = np.random.default_rng(self.seed)
        source = Source("film", WIDTH, HEIGHT, fps=self.fps)
        waiting = random.permutation(len(cast(self.clips))).tolist()
        playing = [waiting.pop() for _ in range(self.tiles**2)]
        until = random.uniform(0.8, 2.5, len(playing))
        places = random.normal((0.5, 0.48), 0.03, (len(playing), 2))
        for index in range(round(SECONDS * self.fps)):
            time = index / self.fps
            for tile in np.flatnonzero(until <= time):
                waiting.insert(0, playing[tile])
                playing[tile] = waiting.pop()
                until[tile] += random.uniform(0.8, 2.5)
                places[tile] += random.normal(0, 0.01, 2)
            image, people = self._picture(time, playing, places + 0.01 * np.sin([time, 1.3 * time]))
            yield Frame(index, time, image, source), people

    def _picture(self, time: float, playing: list[int], places: np.ndarray) -> tuple[Picture, list[Person]]:
        image, people = np.empty((HEIGHT, WIDTH, 3), np.uint8), list[Person]()
        width, height = WIDTH // self.tiles, HEIGHT // self.tiles
        for tile, (number, (x, y)) in enumerate(zip(playing, places.tolist(), strict=True)):
            left, top = tile % self.tiles * width, tile // self.tiles * height
            take = _take(cast(self.clips)[number], round(time * 25))
            view = _view(take, x * width, y * height, SHARE * height, (width, height))
            image[top : top + height, left : left + width] = view.image
            x1, y1, x2, y2 = view.face
            people.append(Person(number, (x1 + left, y1 + top, x2 + left, y2 + top)))
        return image, people


def seen(film: Film, every: int = 1) -> list[Seen]:
    """What `detect` and `track` make of a film."""
    truth: list[list[Person]] = []

    def frames() -> Generator[Frame]:
        for frame, people in film.shots():
            truth.append(people)
            yield frame

    tracked = Track().run(Frames(Detect(every=every).run(Frames(frames()))))
    return [Seen(truth[one.index], [(face.track or 0, face.box) for face in one.faces]) for one in tracked]


def inherited(film: list[Seen]) -> int:
    """How many ids more than one person had."""
    owners: dict[int, set[int]] = {}
    for people, found in film:
        for number, box in found:
            owners.setdefault(number, set()).update(one.number for one in people if _iou(one.box, box) >= OVERLAP)
    return sum(len(numbers) > 1 for numbers in owners.values())


def ids(film: list[Seen]) -> int:
    """How many ids there were for the people that came: of these and of nobody beside them."""
    return len(
        {number for people, found in film for number, box in found for one in people if _iou(one.box, box) >= OVERLAP}
    )


def came(film: list[Seen]) -> int:
    """How many times someone came to a place."""
    numbers = [set[int](), *({person.number for person in one.people} for one in film)]
    return sum(len(now - before) for before, now in pairwise(numbers))


@cache
def cast(clips: Path) -> list[list[Take]]:
    """Everybody's takes."""
    people = [
        [Take(image, box) for image, box in faces_of(clips / name, start, TAKES, which)] for name, start, which in CLIPS
    ]
    (frame,) = Pipeline.parse(f"stages:\n- images: {{path: {clips / GROUP}}}\n- detect\n")
    return people + [[Take(frame.image, face.box)] for face in frame.faces]


def _take(takes: list[Take], index: int) -> Take:
    turn = max(1, 2 * len(takes) - 2)
    return takes[min(index % turn, turn - index % turn) % len(takes)]


def _view(take: Take, x: float, y: float, height: float, size: tuple[int, int]) -> Take:
    """The picture, so large and so far moved that the face has that centre and height."""
    x1, y1, x2, y2 = take.face
    scale = height / (y2 - y1)
    left, top = x - scale * (x1 + x2) / 2, y - scale * (y1 + y2) / 2
    turn = np.array([[scale, 0, left], [0, scale, top]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.warpAffine(take.image, turn, size, flags=way, borderMode=cv2.BORDER_REFLECT)
    return Take(np.asarray(image, np.uint8), (scale * x1 + left, scale * y1 + top, scale * x2 + left, scale * y2 + top))
