"""Hidden faces: none is found again, nothing else is touched, and what is left is too little to undo."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fervid.pipeline import FACES, FRAMES, Face, Frame, Frames, Pipeline, Source, Stage, register
from fervid.pipeline.configuration.options import build
from fervid.pipeline.frame import Box
from fervid.stages.faces.blur import BLOCKS, Blur

METHODS = ("pixelate", "gaussian", "fill")
every_method = pytest.mark.parametrize("method", METHODS)


@register("remember")
@dataclass(frozen=True)
class Remember(Stage):
    """Keeps pictures and faces as they were before the blur."""

    before = []  # noqa: RUF012

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            self.before.append((frame.image.copy(), list(frame.faces)))
            yield frame


def noise(height: int = 200, width: int = 300) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def hide(
    image: np.ndarray, box: Box, method: str, margin: float = 0.5, status: Literal["detected", "predicted"] = "detected"
) -> np.ndarray:
    frame = Frame(0, 0.0, image, Source("given", 8, 8), [Face(box, 0.9, status=status)])
    ((frame),) = build(Blur, {"method": method, "margin": margin}).run(Frames([frame]))
    return frame.image


@every_method
def test_only_the_box_and_its_margin_change(method: str) -> None:
    before = noise()
    after = hide(before.copy(), (100, 80, 140, 120), method, margin=0.25)
    changed = (before != after).any(2)
    inside = np.zeros_like(changed)
    inside[70:131, 90:151] = True
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.99


@every_method
def test_a_predicted_face_is_hidden_as_well(method: str) -> None:
    box = (100.0, 80.0, 140.0, 120.0)
    assert (hide(noise(), box, method, status="predicted") == hide(noise(), box, method)).all()


@every_method
@pytest.mark.parametrize("box", [(-50, -50, 60, 60), (250, 150, 400, 400), (10, 10, 30, 30), (0, 0, 300, 200)])
def test_at_the_borders_and_very_small(method: str, box: Box) -> None:
    x1, y1, x2, y2 = (int(edge) for edge in box)
    seen = slice(max(0, y1), y2), slice(max(0, x1), x2)
    assert (hide(noise(), box, method)[seen] != noise()[seen]).any(2).mean() > 0.9


@every_method
@pytest.mark.parametrize("box", [(-90, 0, -40, 40), (400, 0, 450, 40), (0, 300, 40, 340), (5, 5, 5, 5)])
def test_a_box_outside_the_picture_does_no_harm(method: str, box: Box) -> None:
    changed = (hide(noise(), box, method) != noise()).any(2)
    assert changed.sum() <= 1


def test_few_blocks_are_left() -> None:
    after = hide(noise(), (100, 60, 160, 120), "pixelate")[31:150, 71:190]
    assert len(np.unique(after.reshape(-1, 3), axis=0)) <= BLOCKS**2
    assert len(np.unique(hide(noise(), (100, 60, 160, 120), "fill")[31:150, 71:190].reshape(-1, 3), axis=0)) == 1


@every_method
def test_nothing_but_block_means_survives(method: str) -> None:
    """Two pictures whose blocks have the same means come out alike: what they differed in is lost."""
    one = np.full((100, 100, 3), 100, np.uint8)
    other = one.copy()
    other[::2], other[1::2] = 60, 140
    box = (26.0, 26.0, 73.0, 73.0)
    first, second = (hide(image, box, method)[3:96, 3:96].astype(int) for image in (one, other))
    assert np.abs(first - second).max() <= 2


def test_a_picture_that_is_read_only_is_copied() -> None:
    image = noise()
    image.flags.writeable = False
    assert (hide(image, (100, 80, 140, 120), "fill") != image).any()
    assert (image == noise()).all()


@every_method
def test_the_demos_faces_are_found_no_more(method: str) -> None:
    run(f"demo: {{frames: 60}}\n- detect\n- remember\n- blur: {{method: {method}}}\n- detect", 60)


@every_method
@pytest.mark.parametrize("clip", ["one_face_short.mp4", "two_faces_head_pose.gif"])
def test_real_faces_are_found_no_more(method: str, clip: str, clips: Path) -> None:
    run(f"file: {{path: {clips / clip}}}\n- detect\n- remember\n- blur: {{method: {method}}}\n- detect", 50)


@register("doubted")
@dataclass(frozen=True)
class Doubted(Stage):
    """Finds a doubtful face in three frames of 25, and sometimes what is none, before a pattern."""

    live: bool = False
    box = (100.0, 80.0, 140.0, 120.0)

    gives = (FRAMES, FACES)
    needs = ()

    def run(self, frames: Frames) -> Generator[Frame]:
        source = Source("doubted", 300, 200, live=self.live)
        for index in range(40):
            faces = [Face(self.box, 0.55)] if index % 25 < 3 else []
            yield Frame(index, index / 25, noise(), source, [*faces, Face((math.nan,) * 4, 0.9)])


@pytest.mark.parametrize("live", [False, True])
def test_a_face_that_track_drops_or_has_not_confirmed_is_hidden(live: bool) -> None:
    text = f"stages:\n- doubted: {{live: {str(live).lower()}}}\n- track\n- blur: {{margin: 0}}\n"
    frames = list(Pipeline.parse(text))
    assert not any(frame.faces for frame in frames)
    hidden = [(frame.image[80:120, 100:140] != noise()[80:120, 100:140]).any(2).mean() > 0.9 for frame in frames]
    assert hidden == [index % 25 < 3 for index in range(40)]


def test_a_face_that_a_stage_of_ones_own_leaves_out_is_hidden() -> None:
    text = "threads: false\nstages:\n- demo: {frames: 3}\n- detect\n- remember\n- nobody\n- blur: {margin: 0}\n"
    Remember.before.clear()
    for frame, (image, faces) in zip(Pipeline.parse(text), Remember.before, strict=True):
        x1, y1, x2, y2 = (int(edge) for edge in faces[0].box)
        assert not frame.faces
        assert (frame.image[y1:y2, x1:x2] != image[y1:y2, x1:x2]).any(2).mean() > 0.9


@register("nobody")
@dataclass(frozen=True)
class Nobody(Stage):
    """Leaves all faces out."""

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            frame.faces = []
            yield frame


def run(stages: str, least: int) -> None:
    """Blur, look for faces again, and fail if one is where one was."""
    Remember.before.clear()
    hidden = 0
    for frame, (_, faces) in zip(Pipeline.parse(f"threads: false\nstages:\n- {stages}"), Remember.before, strict=False):
        hidden += len(faces)
        for again in frame.faces:
            x, y = (again.box[0] + again.box[2]) / 2, (again.box[1] + again.box[3]) / 2
            assert not any(f.box[0] < x < f.box[2] and f.box[1] < y < f.box[3] for f in faces), frame.index
    assert hidden >= least
