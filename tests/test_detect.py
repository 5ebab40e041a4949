"""The detector on real faces."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fervid.pipeline import SPARSE, Face, Frame, Frames, Pipeline, Stage, register
from fervid.pipeline.errors import ModelError
from fervid.stages.faces.detection.blazeface import SHORT
from fervid.stages.faces.detection.both import Both, distinct
from fervid.stages.faces.detection.files import load

CHAIN = "stages:\n  - demo: {frames: 12}\n  - detect"


def test_keypoints_lie_in_the_face_in_their_order() -> None:
    for frame in Pipeline.parse(CHAIN):
        (face,) = frame.faces
        assert face.keypoints is not None
        assert face.keypoints.shape == (6, 2)
        left, right, nose, mouth, *_ = face.keypoints
        x1, y1, x2, y2 = face.box
        assert x1 < left[0] < nose[0] < right[0] < x2
        assert y1 < min(left[1], right[1]) < nose[1] < mouth[1] < y2
        assert 0.5 < face.score <= 1


def test_the_same_boxes_every_time() -> None:
    first, second = ([frame.faces[0].box for frame in Pipeline.parse(CHAIN)] for _ in range(2))
    assert first == second


def test_a_high_threshold_finds_less() -> None:
    found = [len(frame.faces) for frame in Pipeline.parse(CHAIN, {"detect.min_score": 0.999})]
    assert sum(found) == 0


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_boxes_are_pixels_of_the_picture_whatever_its_size(scale: float) -> None:
    width, height = round(640 * scale), round(360 * scale)
    (frame,) = Pipeline.parse(f"stages:\n  - demo: {{frames: 1, width: {width}, height: {height}}}\n  - detect")
    (reference,) = Pipeline.parse("stages:\n  - demo: {frames: 1}\n  - detect")
    got, wanted = (np.array(one.faces[0].box) for one in (frame, reference))
    np.testing.assert_allclose(got / scale, wanted, atol=8)


def test_nothing_is_said_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    list(Pipeline.parse(CHAIN))
    assert capfd.readouterr() == ("", "")


def test_a_picture_without_a_face() -> None:
    frames = Pipeline.parse("stages:\n  - demo: {frames: 3, faces: 0}\n  - detect")
    assert [frame.faces for frame in frames] == [[], [], []]


SMALL, LEFT = 0.42, 200
"""Size and place of a face that only the full range finds, and surely so."""


@register("beside")
@dataclass(frozen=True)
class Beside(Stage):
    """Moves the pictures aside, so that a part of them is lost."""

    x: int = 0
    y: int = 0

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            height, width = frame.image.shape[:2]
            frame.image = cv2.warpAffine(frame.image, np.float32([[1, 0, self.x], [0, 1, self.y]]), (width, height))
            yield frame


@pytest.mark.parametrize("edge", range(4), ids=["left", "top", "right", "bottom"])
def test_a_face_that_is_cut_by_an_edge_has_its_box_where_it_is(edge: int) -> None:
    inside = detected("")
    size, axis = inside[2] - inside[0], edge % 2
    shift = (0 if edge < 2 else (640, 360)[axis]) - inside[edge] + (-0.2 if edge < 2 else 0.2) * size
    moved = np.roll([round(shift), 0], axis)
    cut = detected(f"\n  - beside: {{x: {moved[0]}, y: {moved[1]}}}")
    np.testing.assert_allclose(cut, inside + np.tile(moved, 2), atol=0.15 * size)


def detected(between: str) -> NDArray[np.float64]:
    """The box of the demo's face."""
    (frame,) = Pipeline.parse(f"stages:\n  - demo: {{frames: 1}}{between}\n  - detect: {{range: short}}")
    (face,) = frame.faces
    return np.array(face.box)


@register("far_away")
@dataclass(frozen=True)
class FarAway(Stage):
    """Shows the first picture small, as if from afar; above each picture, if `near`."""

    near: bool = False
    """Shows the pictures themselves as well."""
    after: float = 0.0
    """Seconds until the small one is there."""

    def run(self, frames: Frames) -> Generator[Frame]:
        far: NDArray[np.uint8] | None = None
        for frame in frames:
            height, width = frame.image.shape[:2]
            if far is None:
                far = cv2.resize(frame.image, None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
            canvas = np.full((height + far.shape[0], width, 3), 128, np.uint8)
            if self.near:
                canvas[-height:] = frame.image
            if frame.time >= self.after:
                canvas[: far.shape[0], LEFT : LEFT + far.shape[1]] = far
            frame.image = canvas
            yield frame


def found(options: str, frames: int = 6, far: str = "") -> list[list[Face]]:
    text = f"stages:\n  - demo: {{frames: {frames}}}\n  - far_away: {{{far}}}\n  - detect: {{{options}}}"
    return [frame.faces for frame in Pipeline.parse(text)]


@pytest.mark.parametrize(("range_", "count"), [("short", 0), ("full", 1), ("auto", 1)])
def test_a_small_face_is_found_by_the_full_range(range_: str, count: int) -> None:
    assert [len(faces) for faces in found(f"range: {range_}")] == [count] * 6


def test_a_small_face_has_its_box_and_keypoints_where_it_is() -> None:
    (face,) = found("range: auto", frames=1)[0]
    (near,) = next(iter(Pipeline.parse(CHAIN))).faces
    np.testing.assert_allclose((np.array(face.box) - (LEFT, 0, LEFT, 0)) / SMALL, near.box, atol=12)
    eyes_nose_mouth = slice(4)
    got = (face.keypoints[eyes_nose_mouth] - (LEFT, 0)) / SMALL
    np.testing.assert_allclose(got, near.keypoints[eyes_nose_mouth], atol=12)


def test_auto_finds_near_and_far_faces_in_one_picture() -> None:
    assert {len(faces) for faces in found("range: short", far="near: true")} == {1}
    assert {len(faces) for faces in found("range: auto", frames=40, far="near: true")} == {2}


def test_auto_finds_who_comes_into_the_background_within_a_second() -> None:
    counts = [len(faces) for faces in found("range: auto", frames=48, far="near: true, after: 0.5")]
    assert counts == [1] * 24 + [2] * 24


def scores(*all_of_them: float) -> list[Face]:
    return [Face((index, 0, index + 0.5, 1), score) for index, score in enumerate(all_of_them)]


@pytest.mark.parametrize(
    ("near", "far", "looks"),
    [
        (scores(0.9), scores(0.9), 4),
        (scores(0.6), scores(0.9), 40),
        (scores(), scores(), 40),
        (scores(0.9), scores(0.9, 0.8), 40),
    ],
    ids=["sure", "not sure", "nobody", "more to show"],
)
def test_the_full_range_is_used_as_often_as_needed(near: list[Face], far: list[Face], looks: int) -> None:
    pictures = []

    def full(picture: NDArray[np.uint8]) -> list[Face]:
        pictures.append(picture)
        return far

    both = Both(lambda _: near, full)
    for index in range(40):
        both.find(np.zeros((4, 4, 3), np.uint8), index / 10)
    assert len(pictures) == looks


def test_of_two_boxes_on_one_face_the_surer_one_stays() -> None:
    small, large, other = Face((2, 2, 4, 4), 0.8), Face((1, 1, 5, 5), 0.6), Face((6, 2, 8, 4), 0.7)
    assert distinct([large], [small, other]) == [small, other]
    assert distinct([small], [large, other]) == [small, other]
    assert distinct([large], []) == [large]
    neighbour = Face((3.5, 2, 5.5, 4), 0.7)
    assert distinct([small], [neighbour]) == [small, neighbour]


def test_one_frame_in_so_many_is_searched() -> None:
    frames = list(Pipeline.parse(CHAIN, {"detect.every": 4}))
    assert [frame.index for frame in frames if not frame[SPARSE]] == [0, 4, 8]
    assert [frame.index for frame in frames if frame.faces] == [0, 4, 8]


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.tflite"
    with pytest.raises(ModelError, match=rf"{re.escape(str(path))}: no such face detector"):
        list(Pipeline.parse(CHAIN, {"detect.model": str(path)}))
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=rf"{re.escape(str(path))}: not a short-range face detector of MediaPipe"):
        list(Pipeline.parse(CHAIN, {"detect.model": str(path)}))
    path.write_bytes(load(SHORT))
    own = [frame.faces[0].box for frame in Pipeline.parse(CHAIN, {"detect.model": str(path)})]
    assert own == [frame.faces[0].box for frame in Pipeline.parse(CHAIN)]


@pytest.mark.parametrize(
    ("clip", "faces"), [("group.jpg", 5), ("people_walking.gif", 3), ("two_faces_head_pose.gif", 2)]
)
def test_everybody_in_real_pictures(clips: Path, clip: str, faces: int) -> None:
    source = "images" if clip.endswith(".jpg") else "file"
    frames = Pipeline.parse(f'stages:\n  - {source}: {{path: "{clips / clip}"}}\n  - detect')
    assert {len(frame.faces) for frame in frames} == {faces}


def test_a_near_face_in_every_frame(clips: Path) -> None:
    """The full range alone misses it in 19 of 472 frames."""
    frames = Pipeline.parse(f'stages:\n  - file: {{path: "{clips / "one_face_talking.mp4"}"}}\n  - detect')
    assert [len(frame.faces) for frame in frames] == [1] * 472
