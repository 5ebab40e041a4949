"""A scene with a known truth: real faces, cut from clips, that cross, hide, enter and leave before a shaky camera.

Every actor is a piece of a clip, shown within an oval. Its true box in a frame is the detector's box in the undisturbed
clip, moved as the oval is moved, so the truth is exact by construction and the picture is real where a face is.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fervid.pipeline import FRAMES, Frame, Frames, Pipeline, Source, Stage, register
from fervid.pipeline.frame import Box, Face
from fervid.stages.faces.detect import Detect
from fervid.stages.faces.track import Track
from fervid.stages.sources.demo import FACE, OVAL, _portrait

Picture = NDArray[np.uint8]

SECONDS = 8.0
FPS = 25.0
WIDTH, HEIGHT = 640, 360
CLIPS = (
    ("one_face_talking.mp4", 300, 0),
    ("one_face_short.mp4", 0, 0),
    ("face_leaves.mov", 0, 0),
    ("two_faces_head_pose.gif", 0, 0),
    ("two_faces_head_pose.gif", 0, 1),
)
"""File, first frame, and which face from the left."""
PIECE = 8
"""Frames taken of each clip, shown forth and back."""
VISIBLE = 0.7
"""A face of which less can be seen is heavily occluded, as WIDER FACE puts it, and need not be found."""
OVERLAP = 0.5
"""The IoU from which on a box is on a face."""
TINTS = ((1, 1, 1), (0.45, 0.45, 0.45), (0.6, 0.8, 1), (1, 0.8, 0.6), (0.7, 0.6, 0.5), (0.6, 0.6, 0.85))
"""Gains of B, G, R that make six people of the portrait, where there are no clips."""


class Cut(NamedTuple):
    """A face in an oval: B, G, R, opacity, and the true box in it."""

    image: Picture
    face: Box


class Truth(NamedTuple):
    """Where an actor's face is, and how much of it can be seen, 0 to 1."""

    box: Box
    visible: float


class Part(NamedTuple):
    """What an actor does: seconds, centre in widths and heights of the picture, height of the face in heights."""

    t: tuple[float, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    size: tuple[float, ...]


PILLAR = (0.3, 0.6)
"""Left and right edge in widths; the last actor walks behind it."""
SCRIPT = (
    # Crosses the picture in front of the second, and leaves.
    Part((0, 0.5, 4.0, 8), (-0.2, -0.2, 1.25, 1.25), (0.3, 0.3, 0.28, 0.28), (0.33,) * 4),
    # Comes the other way, hidden by the first for a moment, then stands.
    Part((0, 0.8, 3.8, 8), (0.72, 0.72, 0.2, 0.22), (0.27, 0.27, 0.3, 0.28), (0.29, 0.29, 0.3, 0.3)),
    # Sways at the right.
    Part((0, 2, 4, 6, 8), (0.86, 0.84, 0.88, 0.84, 0.86), (0.75, 0.72, 0.75, 0.7, 0.72), (0.3, 0.32, 0.3, 0.32, 0.3)),
    # Enters from below, comes nearer.
    Part((0, 4.2, 5.2, 8), (0.68, 0.68, 0.66, 0.62), (1.4, 1.4, 0.62, 0.5), (0.28, 0.28, 0.3, 0.36)),
    # Leaves upwards at the right after the first has passed.
    Part((0, 5.0, 6.4, 8), (0.9, 0.9, 0.88, 0.88), (0.26, 0.26, -0.4, -0.4), (0.27,) * 4),
    # Walks behind the pillar and back.
    Part((0, 0.6, 2.6, 4.6, 6.6, 8), (0.13, 0.13, 0.72, 0.72, 0.13, 0.13), (0.76,) * 6, (0.28,) * 6),
)
"""From front to back."""
BEHIND = 5
"""The actor whom the pillar hides."""


@register("crowd")
@dataclass(frozen=True)
class Crowd(Stage):
    """Two to six faces; `clips` is the folder of real ones, without it, portraits of the demo in other colours."""

    clips: Path | None = None
    faces: int = 6
    mirrored: bool = False
    shake: float = 5.0
    """Standard deviation of the camera's movement in pixels."""
    seed: int = 0

    needs = ()
    gives = (FRAMES,)

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame, _ in self.shots():
            yield frame

    def shots(self) -> Generator[tuple[Frame, list[Truth]]]:
        """Frames, each with the truth about all actors, in the order of the script."""
        count = round(SECONDS * FPS)
        source = Source("crowd", WIDTH, HEIGHT, fps=FPS, length=count)
        actors = _actors(self.clips)
        parts = (0, 1, BEHIND, 2, 3, 4)[: self.faces]
        offsets = _shake(count, self.shake, self.seed)
        background = _background()
        for index in range(count):
            time = index / FPS
            image = _shifted(background, offsets[index])
            owner = np.full((HEIGHT, WIDTH), -1, np.int8)
            boxes: dict[int, Box] = {}
            for n in sorted(parts, reverse=True):
                cut = _piece(actors[n % len(actors)], index // 3)
                boxes[n] = _place(cut, image, owner, n, _box(SCRIPT[n], time, offsets[index]))
                if n == BEHIND:
                    _pillar(image, owner, offsets[index])
            truth = [Truth(boxes[n], _visible(boxes[n], owner == n)) for n in parts]
            yield self._turned(Frame(index, time, image, source), truth)

    def _turned(self, frame: Frame, truth: list[Truth]) -> tuple[Frame, list[Truth]]:
        if self.mirrored:
            frame.image = np.ascontiguousarray(frame.image[:, ::-1])
            truth = [Truth((WIDTH - box[2], box[1], WIDTH - box[0], box[3]), part) for box, part in truth]
        return frame, truth


def _actors(clips: Path | None) -> list[list[Cut]]:
    x, y = OVAL[0] - OVAL[2], OVAL[1] - OVAL[3]
    hopper, face = _portrait()[:, :, :3], (FACE[0] - x, FACE[1] - y, FACE[2] - x, FACE[3] - y)
    if clips:
        return [[_cut(hopper, face)], *(_cuts(clips / name, start, which) for name, start, which in CLIPS)]
    return [[_cut(np.rint(hopper * gains).astype(np.uint8), face)] for gains in TINTS]


def _cuts(path: Path, start: int, which: int) -> list[Cut]:
    return [_cut(image, box) for image, box in faces_of(path, start, PIECE, which)]


def faces_of(path: Path, start: int, count: int, which: int) -> Generator[tuple[Picture, Box]]:
    """Frames of a clip from `start` on, each with the box of one of its faces, counted from the left."""
    for frame in Pipeline.parse(f"stages:\n- file: {{path: {path}}}\n- detect\n"):
        if start <= frame.index < start + count:
            yield frame.image, sorted(face.box for face in frame.faces)[which]
        if frame.index == start + count:
            return


def _cut(image: Picture, box: Box) -> Cut:
    """The head around a face, as far as the picture goes."""
    x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[3] - box[1]) / 2
    left, right, top, bottom = (
        round(x - 1.1 * half),
        round(x + 1.1 * half),
        round(y - 1.5 * half),
        round(y + 1.25 * half),
    )
    around = cv2.copyMakeBorder(image, *(3 * int(half),) * 4, cv2.BORDER_REPLICATE)
    inner = around[top + 3 * int(half) : bottom + 3 * int(half), left + 3 * int(half) : right + 3 * int(half)]
    height, width = inner.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 2 - 3, height // 2 - 3), 0, 0, 360, 255, -1)
    cut = np.dstack((inner, cv2.GaussianBlur(mask, (0, 0), 1.5))).astype(np.uint8)
    return Cut(cut, (box[0] - left, box[1] - top, box[2] - left, box[3] - top))


def _piece(cuts: list[Cut], index: int) -> Cut:
    turn = max(1, 2 * len(cuts) - 2)
    return cuts[min(index % turn, turn - index % turn) % len(cuts)]


def _shake(count: int, deviation: float, seed: int) -> NDArray[np.float64]:
    """A hand-held camera: smooth over 0.1 s, x and y for each frame."""
    noise = np.random.default_rng(seed).normal(size=(count, 2))
    smooth = cv2.GaussianBlur(noise, (1, 0), sigmaX=0.1, sigmaY=0.1 * FPS)
    return np.asarray(smooth / smooth.std() * deviation)


def _background() -> Picture:
    y, x = np.mgrid[0 : HEIGHT + 200, 0 : WIDTH + 200].astype(np.float32)
    waves = 20 * np.sin(x / 37) + 15 * np.sin(y / 23 + x / 90)
    return np.dstack([(base + waves).clip(0, 255) for base in (120, 140, 110)]).astype(np.uint8)


def _shifted(background: Picture, offset: NDArray[np.float64]) -> Picture:
    turn = np.float32([[1, 0, offset[0] - 100], [0, 1, offset[1] - 100]])
    return np.asarray(cv2.warpAffine(background, turn, (WIDTH, HEIGHT)), np.uint8)


def _box(part: Part, time: float, offset: NDArray[np.float64]) -> Box:
    """Where the face shall be: on straight lines with rounded corners."""
    around = time + np.linspace(-0.2, 0.2, 9)
    x, y, size = (float(np.interp(around, part.t, values).mean()) for values in (part.x, part.y, part.size))
    centre_x, centre_y, half = x * WIDTH + offset[0], y * HEIGHT + offset[1], size * HEIGHT / 2
    return centre_x - half, centre_y - half, centre_x + half, centre_y + half


def _place(cut: Cut, image: Picture, owner: NDArray[np.int8], number: int, box: Box) -> Box:
    """Paint the oval so that its face falls on the box, and make it the owner of its pixels; return the true box."""
    scale = (box[3] - box[1]) / (cut.face[3] - cut.face[1])
    x, y = box[0] - scale * cut.face[0], box[1] - scale * cut.face[1]
    left, top = max(0, int(x)), max(0, int(y))
    right, bottom = (
        max(0, int(edge + scale * size) + 2) for edge, size in zip((x, y), cut.image.shape[1::-1], strict=True)
    )
    patch = image[top:bottom, left:right]
    if patch.size:
        turn = np.array([[scale, 0, x - left], [0, scale, y - top]])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        warped = cv2.warpAffine(cut.image, turn, patch.shape[1::-1], flags=way)
        opacity = warped[:, :, 3:].astype(np.float32) / 255
        patch[:] = np.rint(warped[:, :, :3] * opacity + patch * (1 - opacity))
        owner[top:bottom, left:right][opacity[:, :, 0] > 0.5] = number
    return box[0], box[1], box[0] + scale * (cut.face[2] - cut.face[0]), box[3]


def _pillar(image: Picture, owner: NDArray[np.int8], offset: NDArray[np.float64]) -> None:
    left, right = (round(edge * WIDTH + offset[0]) for edge in PILLAR)
    top = round(HEIGHT * 0.5 + offset[1])
    image[top:, left:right] = (70, 80, 95)
    image[top:, left : left + 6] = (50, 55, 70)
    owner[top:, left:right] = -1


def _visible(box: Box, own: NDArray[np.bool_]) -> float:
    """The share of the box in which the actor can be seen, within the picture and not behind anything."""
    x1, y1, x2, y2 = (round(edge) for edge in box)
    return float(own[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)].sum() / ((x2 - x1) * (y2 - y1)))


class Shot(NamedTuple):
    """A frame as the trackers get it."""

    time: float
    image: Picture
    faces: list[Face]
    truth: list[Truth]


Tracks = list[list[tuple[int, Box]]]
"""For each frame, identities and boxes."""


class Score(NamedTuple):
    """motmetrics' figures."""

    mota: float
    idf1: float
    misses: int
    false: int
    switches: int
    truths: int

    def __str__(self) -> str:
        shares = f"{self.mota:6.3f} {self.idf1:6.3f}"
        return f"{shares} {self.misses:6} {self.false:6} {self.switches:8} {self.truths:6}"


def detections(crowd: Crowd) -> list[Shot]:
    """What `detect` finds in the scene."""
    truths: list[list[Truth]] = []

    def frames() -> Generator[Frame]:
        for frame, truth in crowd.shots():
            truths.append(truth)
            yield frame

    found = Detect(min_score=0.5).run(Frames(frames()))
    return [Shot(frame.time, frame.image, frame.faces, truths[frame.index]) for frame in found]


def tracked(shots: list[Shot], **options: float) -> Tracks:
    """What `track` makes of them."""
    source = Source("crowd", WIDTH, HEIGHT)
    frames = (
        Frame(index, shot.time, shot.image, source, [replace(face) for face in shot.faces])
        for index, shot in enumerate(shots)
    )
    return [[(face.track or 0, face.box) for face in frame.faces] for frame in Track(**options).run(Frames(frames))]


def plain_iou(shots: list[Shot]) -> Tracks:
    """The usual first attempt: the best overlap with the last frame, greedily; else a new identity."""
    tracks: Tracks = []
    last: list[tuple[int, Box]] = []
    ids = 0
    for shot in shots:
        now: list[tuple[int, Box]] = []
        free = [face.box for face in shot.faces]
        pairs = sorted(((_iou(box, face), n, f) for n, (_, box) in enumerate(last) for f, face in enumerate(free)))
        used_last, used_free = set(), set()
        for overlap, n, f in reversed(pairs):
            if overlap > 0.3 and n not in used_last and f not in used_free:
                used_last.add(n)
                used_free.add(f)
                now.append((last[n][0], free[f]))
        for f in range(len(free)):
            if f not in used_free:
                ids += 1
                now.append((ids, free[f]))
        last = now
        tracks.append(now)
    return tracks


def score(shots: list[Shot], tracks: Tracks, visible: float = VISIBLE) -> Score:
    """Score tracks against the truth; hidden faces are left out, and so are boxes on them."""
    import motmetrics

    book = motmetrics.MOTAccumulator(auto_id=True)
    for shot, found in zip(shots, tracks, strict=True):
        truth = [(n, one.box) for n, one in enumerate(shot.truth) if one.visible >= visible]
        hidden = [one.box for one in shot.truth if one.visible < visible]
        counted = [
            (number, box)
            for number, box in found
            if any(_iou(box, true) >= OVERLAP for _, true in truth) or all(_iou(box, one) < OVERLAP for one in hidden)
        ]
        distances = [
            [1 - o if (o := _iou(true, box)) >= OVERLAP else np.nan for _, box in counted] for _, true in truth
        ]
        book.update([n for n, _ in truth], [n for n, _ in counted], distances)
    names = ["mota", "idf1", "num_misses", "num_false_positives", "num_switches", "num_objects"]
    row = motmetrics.metrics.create().compute(book, metrics=names).iloc[0]
    return Score(float(row.iloc[0]), float(row.iloc[1]), *(int(value) for value in row.iloc[2:]))


def _iou(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
