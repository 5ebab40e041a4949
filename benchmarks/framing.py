"""What the crop costs: accuracy on faces that `detect` had to find in a larger picture, beside FER2013's own framing.

python benchmarks/framing.py FER2013_CSV [--faces 1000] [--sizes 48,64,96,128,200,300] [--wide 3] [--surroundings blur]

Faces of PublicTest are pasted at a random place into pictures `--wide` times as wide as they are, and pass the very
stages `detect` and `emotions`. Every face is measured against itself: the same network reads FER2013's own 48 pixels
(direct). The loss is in points of accuracy on the faces found, with its standard error.

FER2013 keeps nothing of what was around a face, and cuts many at hair and chin, so the surroundings are made up: the
border is carried outwards, blurred, and fades into the face's mean grey over one side (`blur`); `grey` is that grey
with a hard edge, `noise` a carried border under coarse noise. A crop that reaches beyond the pasted square sees what is
made up, where a real picture shows hair and chin; how much of a wide framing's loss comes from that is not known. The
residual is the crop's square beside FER2013's: size as a ratio, offsets in sides, turn in degrees. FER2013's faces are
not level, so a level crop's turn is no error. One framing beats another only where the difference exceeds the errors
printed: all sizes show the same faces, and are not as many experiments.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import cos, degrees, sin
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fervid.models.crop import Framing, crop, region
from fervid.models.runtime import open_classifier
from fervid.models.target import TARGET
from fervid.pipeline import Face, Frame, Frames, Source
from fervid.stages.faces.detect import Detect
from fervid.stages.faces.emotions import PROBABILITIES, Emotions
from fervid.stages.sources.fer2013 import SIDE, Fer2013

LARGE = 96  # pixels from which on the crop's square is judged
AWAY = np.maximum(np.abs(np.arange(3 * SIDE) - 1.5 * SIDE + 0.5) - SIDE / 2, 0)
FADE = np.minimum(np.hypot(AWAY[:, None], AWAY) / SIDE, 1)  # 0 at the face, 1 a side away from it

Grey = NDArray[np.uint8]
Crop = Callable[[Grey, Face], Grey]


@dataclass
class Seen:
    """What came of the faces of one pasted size; lists run over those found."""

    found: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    residuals: list[tuple[float, float, float, float]] = field(default_factory=list)
    crops: list[list[Grey]] = field(default_factory=list)


def main() -> None:
    """Print a table of sizes, the residuals, and a table of framings."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("csv", type=Path)
    arguments.add_argument("--faces", type=int, default=1000)
    arguments.add_argument(
        "--rows", choices=("all", "even", "odd"), default="all", help="choose on even, confirm on odd"
    )
    arguments.add_argument("--sizes", default="48,64,96,128,200,300")
    arguments.add_argument("--wide", type=float, default=3.0)
    arguments.add_argument("--surroundings", choices=("blur", "grey", "noise"), default="blur")
    given = arguments.parse_args()
    rows = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.rows]
    frames = list(Fer2013(given.csv, split="validation").run(Frames()))[rows]
    frames = frames[:: max(1, len(frames) // given.faces)][: given.faces]
    truth = np.array([target.emotion for frame in frames if (target := frame[TARGET])])
    measure(np.stack([frame.image[:, :, 0] for frame in frames]), truth, given)


def measure(faces: Grey, truth: NDArray[np.int64], given: argparse.Namespace) -> None:
    """Look at every size once; classify all crops of a size together."""
    classify = open_classifier("fervid", precision="fp32")
    shipped, others = classify.card.crop, variants(classify.card.crop)
    right = classify(faces).argmax(1) == truth
    print(f"{len(faces)} faces of PublicTest, direct {right.mean():.1%}; shipped: {named(shipped)}\n")
    print("  size    found  direct on found  pipeline       loss")
    losses: dict[str, list[float]] = {name: [] for name in others}
    residuals = []
    sizes = [int(size) for size in given.sizes.split(",")]
    for side in sizes:
        seen = look(faces, side, given.wide, given.surroundings, list(others.values()), shipped)
        direct, own = right[seen.found], np.array(seen.answers) == truth[seen.found]
        error = 100 * (direct.astype(float) - own).std() / len(own) ** 0.5
        points = 100 * (direct.mean() - own.mean())
        found = len(own) / len(faces)
        print(f"{side:6} {found:8.1%} {direct.mean():16.1%} {own.mean():9.1%} {points:6.1f} +- {error:.1f}", flush=True)
        residuals += seen.residuals if side >= LARGE else []
        for name, crops in zip(others, zip(*seen.crops, strict=True), strict=True):
            answers = classify(np.stack(crops)).argmax(1)
            losses[name].append(100 * float(direct.mean() - (answers == truth[seen.found]).mean()))
    tell_residuals(np.array(residuals))
    tell_losses(losses, sizes)


def look(faces: Grey, side: int, wide: float, around: str, crops: list[Crop], framing: Framing) -> Seen:
    """Paste, find and read every face, one second after the other, so that none has to do with the one before."""
    width, height = round(wide * side), round(wide * side * 0.75)
    random = np.random.default_rng(side)
    corners = random.integers(0, (width - side + 1, max(1, height - side + 1)), (len(faces), 2))
    source, seen = Source("pasted", width, height), Seen()
    pictures = (paste(face, side, at, (width, height), around) for face, at in zip(faces, corners, strict=True))
    frames = (Frame(n, float(n), picture, source) for n, picture in enumerate(pictures))
    for frame in Emotions().run(Frames(Detect().run(Frames(frames)))):
        at = corners[frame.index]
        face = max(
            (one for one in frame.faces if inside(one, at, side)), key=lambda one: one.box[2] - one.box[0], default=None
        )
        if face is not None and (scores := face[PROBABILITIES]) is not None:
            square = region(face.box, face.keypoints, framing)
            x, y = (square.x - at[0]) / side - 0.5, (square.y - at[1]) / side - 0.5
            seen.found.append(frame.index)
            seen.answers.append(int(scores.argmax()))
            seen.residuals.append((square.side / side, x, y, degrees(square.angle)))
            seen.crops.append([crop_of(frame.image, face) for crop_of in crops])
    return seen


def inside(face: Face, at: NDArray[np.int64], side: int) -> bool:
    """Whether the middle of a box lies in the pasted square."""
    x1, y1, x2, y2 = face.box
    return bool(0 <= (x1 + x2) / 2 - at[0] <= side and 0 <= (y1 + y2) / 2 - at[1] <= side)


def paste(face: Grey, side: int, at: NDArray[np.int64], size: tuple[int, int], around: str) -> NDArray[np.uint8]:
    """A BGR picture of `size` with the face in it, its upper left corner `at`."""
    patch = cv2.copyMakeBorder(face, SIDE, SIDE, SIDE, SIDE, cv2.BORDER_REPLICATE).astype(np.float32)
    if around == "blur":
        blurred = cv2.GaussianBlur(patch, (0, 0), SIDE / 16)
        patch = blurred + (face.mean() - blurred) * FADE
    elif around == "grey":
        patch[:] = face.mean()
    else:
        patch += cv2.resize(np.random.default_rng(int(face.sum())).normal(0, 25, (36, 36)), patch.shape)
    patch[SIDE:-SIDE, SIDE:-SIDE] = face
    step = SIDE / side
    x, y = (SIDE + (0.5 - at) * step - 0.5).tolist()
    turn = np.array([[step, 0, x], [0, step, y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    grey = cv2.warpAffine(patch, turn, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(grey.clip(0, 255).round().astype(np.uint8), cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]


def variants(shipped: Framing) -> dict[str, Crop]:
    """The shipped framing, others that differ from it in one thing, and other ways to take its pixels."""
    framings = [shipped, replace(shipped, align=not shipped.align)]
    framings += [replace(shipped, scale=scale) for scale in (1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5)]
    framings += [replace(shipped, up=up) for up in (0.0, 0.04, 0.08, 0.12, 0.15)]
    crops: dict[str, Crop] = {named(one): partial(framed, framing=one) for one in dict.fromkeys(framings)}
    ways = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
    return crops | {f"{name}, not averaged": partial(picked, framing=shipped, flag=flag) for name, flag in ways.items()}


def framed(image: Grey, face: Face, framing: Framing) -> Grey:
    """The crop that fervid makes."""
    return crop(image, face.box, face.keypoints, SIDE, framing)


def picked(image: Grey, face: Face, framing: Framing, flag: int) -> Grey:
    """The same square in one interpolation, however large the face."""
    square = region(face.box, face.keypoints, framing)
    step, start = square.side / SIDE, (1 - SIDE) / 2
    c, s = step * cos(square.angle), step * sin(square.angle)
    x, y = square.x + (c - s) * start - 0.5, square.y + (s + c) * start - 0.5
    turn = np.array([[c, -s, x], [s, c, y]])
    flags, border = flag | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    return cv2.warpAffine(image[:, :, 0], turn, (SIDE, SIDE), flags=flags, borderMode=border)  # type: ignore[return-value]


def named(framing: Framing) -> str:
    """Its three numbers in words."""
    return f"scale {framing.scale:g}, up {framing.up:g}, {'level' if framing.align else 'not turned'}"


def tell_residuals(residuals: NDArray[np.float64]) -> None:
    """How the shipped square lies beside FER2013's."""
    if len(residuals):
        print(f"\nresidual from {LARGE} pixels on   mean  median     std      5%     95%")
        for name, values in zip(("size, ratio", "x, sides", "y, sides", "turn, degrees"), residuals.T, strict=True):
            low, middle, high = np.percentile(values, (5, 50, 95))
            print(f"{name:26} {values.mean():7.3f} {middle:7.3f} {values.std():7.3f} {low:7.3f} {high:7.3f}")


def tell_losses(losses: dict[str, list[float]], sizes: list[int]) -> None:
    """Points lost by each framing at each size."""
    print(f"\n{'points lost':34}" + "".join(f"{size:>7}" for size in sizes))
    for name, values in losses.items():
        print(f"{name:34}" + "".join(f"{value:7.1f}" for value in values))


if __name__ == "__main__":
    main()
