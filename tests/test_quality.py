"""Measures of a face: exact where the picture is known, right in sign where a real head turns."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from fervid.pipeline import Face, Frame, Frames, Pipeline, Run, Source
from fervid.pipeline.frame import Box
from fervid.stages.faces.quality import EAR_TO_NOSE, NOSE_AT_REST, NOSE_LENGTH, QUALITY, Measures, Quality, pose

HEAD = np.array(
    [
        (-3, -3, 0),
        (3, -3, 0),
        (0, -3 + 6 * NOSE_AT_REST, 6 * NOSE_LENGTH),
        (0, 3, 0),
        (-7, 0, 6 * NOSE_LENGTH - 7 / EAR_TO_NOSE),
        (7, 0, 6 * NOSE_LENGTH - 7 / EAR_TO_NOSE),
    ]
)
"""Keypoints of a level face that looks at the camera: right, down and towards it, in centimetres."""
RUN = Run()
"""One for all, so that making it is not timed."""


def head(yaw: float = 0, pitch: float = 0, roll: float = 0) -> np.ndarray:
    """The same head turned, seen from far away; degrees with the signs of Quality."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    turn = np.array([(math.cos(y), 0, math.sin(y)), (0, 1, 0), (-math.sin(y), 0, math.cos(y))])
    nod = np.array([(1, 0, 0), (0, math.cos(p), -math.sin(p)), (0, math.sin(p), math.cos(p))])
    tilt = np.array([(math.cos(r), -math.sin(r), 0), (math.sin(r), math.cos(r), 0), (0, 0, 1)])
    return (HEAD @ (tilt @ turn @ nod).T)[:, :2].astype(np.float32) * 10 + 100


def measure(image: np.ndarray, box: Box = (0, 0, 96, 96), keypoints: np.ndarray | None = None) -> Measures:
    face = Face(box, 0.9, keypoints)
    list(Quality().run(Frames([Frame(0, 0.0, image, Source("given", 96, 96), [face])], RUN)))
    measures = face[QUALITY]
    assert measures is not None
    return measures


def texture(contrast: int = 100) -> np.ndarray:
    grey = np.random.default_rng(0).integers(128 - contrast, 128 + contrast, (96, 96, 1), np.uint8)
    return np.repeat(grey, 3, 2)


@pytest.mark.parametrize("angle", [-30, -10, 0, 10, 30])
def test_each_angle_of_a_turned_head(angle: float) -> None:
    assert pose(head(yaw=angle)) == pytest.approx((angle, 0, 0), abs=1e-3)
    assert pose(head(pitch=angle)) == pytest.approx((0, angle, 0), abs=1e-3)
    assert pose(head(roll=angle)) == pytest.approx((0, 0, angle), abs=1e-3)
    assert pose(head(yaw=20, roll=angle)) == pytest.approx((20, 0, angle), abs=1e-3)


def test_positive_is_right_up_and_clockwise() -> None:
    level = head()
    assert head(yaw=20)[2, 0] > level[2, 0] + 5
    assert head(pitch=20)[2, 1] < level[2, 1]
    assert head(roll=20)[1, 1] > head(roll=20)[0, 1]


def test_points_that_tell_no_pose_give_none() -> None:
    same = pose(np.zeros((6, 2), np.float32))
    assert same.yaw is None
    assert same.pitch is None
    made = measure(texture())
    assert (made.yaw, made.pitch, made.roll) == (None, None, None)


@pytest.mark.parametrize("keypoints", [None, np.zeros((6, 2), np.float32)], ids=["no keypoints", "a point"])
def test_what_is_not_known_does_not_count_as_good(keypoints: np.ndarray | None) -> None:
    made = measure(texture(), keypoints=keypoints)
    assert made.overall is None
    assert made.size == pytest.approx(96)


def test_size_is_that_of_the_box_even_beyond_the_picture() -> None:
    assert measure(texture(), (-40, 10, 40, 30)).size == pytest.approx(40)


def test_brightness_is_the_mean_grey() -> None:
    assert measure(np.full((96, 96, 3), 51, np.uint8)).brightness == pytest.approx(0.2)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    image = texture()
    expected = cv2.Laplacian(image[:, :, 0], cv2.CV_64F).var()
    assert measure(image).sharpness == pytest.approx(expected)


def test_blur_lowers_sharpness_and_the_whole() -> None:
    blurred = [measure(cv2.GaussianBlur(texture(), (0, 0), sigma), keypoints=head()) for sigma in (0.5, 1, 2, 4)]
    for name in ("sharpness", "overall"):
        values = [getattr(one, name) for one in blurred]
        assert values == sorted(values, reverse=True)
    assert blurred[-1].overall < 0.2


@pytest.mark.parametrize("side", [48, 96, 150, 192, 500, 1000])
def test_sharpness_compares_between_sizes(side: int) -> None:
    """A smooth picture has about the same sharpness at every size that holds its detail."""
    smooth = cv2.GaussianBlur(texture(), (0, 0), 3)
    scaled = cv2.resize(smooth, (side, side), interpolation=cv2.INTER_AREA if side < 96 else cv2.INTER_CUBIC)
    assert measure(scaled, (0, 0, side, side)).sharpness == pytest.approx(measure(smooth).sharpness, rel=0.35)


def test_the_whole_falls_with_every_fault() -> None:
    best = measure(texture(), keypoints=head()).overall
    assert best == pytest.approx(1, abs=0.01)
    worse = [
        measure(texture(), (0, 0, 30, 30), head()),
        measure(cv2.GaussianBlur(texture(), (0, 0), 3), keypoints=head()),
        measure(texture() // 6, keypoints=head()),
        measure(texture(), keypoints=head(yaw=40)),
        measure(texture(), keypoints=head(pitch=-40)),
    ]
    assert all(0 <= one.overall < 0.7 for one in worse)
    assert measure(texture(), keypoints=head(roll=40)).overall == pytest.approx(best)


@pytest.mark.parametrize(
    ("status", "box"), [("predicted", (0, 0, 96, 96)), ("detected", (200, 0, 300, 90)), ("detected", (-9, -9, 0, 0))]
)
def test_what_was_not_seen_has_no_quality(status: str, box: Box) -> None:
    face = Face(box, 0.9, head(), status=status)
    list(Quality().run(Frames([Frame(0, 0.0, texture(), Source("given", 96, 96), [face])])))
    assert face[QUALITY] is None


@pytest.mark.parametrize("side", [60, 200, 1000])
def test_it_takes_little_time(side: int) -> None:
    """0.2 ms where OpenCV shrinks a large face in 0.08 ms: slower machines take longer for both."""
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    measure(image, (20, 20, 20 + side, 20 + side), head())
    large, took, yardstick = image[:1000, :1000], [], []
    for _ in range(2000):
        began = time.perf_counter()
        measure(image, (20, 20, 20 + side, 20 + side), head())
        between = time.perf_counter()
        cv2.resize(large, (192, 192))
        took.append(between - began)
        yardstick.append(time.perf_counter() - between)
    assert min(took) < 2.5 * min(yardstick)


def test_demo_portrait_from_yaml() -> None:
    """The portrait tilts first clockwise, then against the clock, in 4.3 s."""
    measured = [
        frame.faces[0][QUALITY] for frame in Pipeline.parse("stages:\n- demo: {frames: 104}\n- detect\n- quality\n")
    ]
    rolls = [one.roll for one in measured if one is not None and one.roll is not None]
    assert len(rolls) == 104
    assert np.median(rolls[15:37]) - np.median(rolls[67:89]) > 4
    assert min(one.overall for one in measured if one is not None) > 0.5


def read(path: Path, indices: Sequence[int]) -> list[list[Measures]]:
    """Qualities of those frames' faces, from left to right."""
    text = f"stages:\n- file: {{path: {path}}}\n- detect\n- quality\n"
    chosen = [frame for frame in Pipeline.parse(text) if frame.index in indices]
    return [[face[QUALITY] for face in sorted(one.faces, key=lambda face: face.box)] for one in chosen]  # type: ignore


def test_two_heads_that_turn_apart_and_tilt(clips: Path) -> None:
    first, later = read(clips / "two_faces_head_pose.gif", (0, 28))
    assert first[0].yaw < -20
    assert first[1].yaw > 10
    assert [one.roll < -30 for one in first + later] == [False, False, True, True]


def test_a_head_that_looks_down_then_up(clips: Path) -> None:
    down, up, right = (faces[0] for faces in read(clips / "one_face_talking.mp4", (120, 240, 400)))
    assert down.pitch < 0
    assert up.pitch > 10
    assert right.yaw > 5
    assert right.roll < -15
