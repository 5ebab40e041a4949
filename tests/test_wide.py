"""Faces that are small in the picture, cut by its edge, or in a picture that stands alone."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fervid.pipeline import ALONE, Face, Frame, Frames, Pipeline, Stage, register
from fervid.pipeline.errors import ModelError
from fervid.pipeline.memory import Reader, Writer
from fervid.pipeline.picture import Pixels
from fervid.stages.faces.detection import wide
from fervid.stages.faces.detection.blazeface import FULL, SHORT, anchors
from fervid.stages.faces.detection.detector import Detector, Memory, open_detector
from fervid.stages.faces.detection.geometry import holds, same
from fervid.stages.faces.detection.letterbox import find, small_copy

pytest.importorskip("ai_edge_litert")
from fervid.stages.faces.detection.litert import Networks

ENDS = "mediapipe is not installed: it ends at Python 3.12"
WIDTH, HEIGHT = 1280, 720
FACE = 106
"""Pixels that the demo's face is wide."""


def shrunk(image: NDArray[np.uint8], size: float) -> NDArray[np.uint8]:
    """The demo's picture with a face so many pixels wide."""
    factor = size / FACE
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


@register("in_the_distance")
@dataclass(frozen=True)
class InTheDistance(Stage):
    """Shows the demo's face small in a large picture, moving to the right; and large below it, if `near`."""

    size: float = 26.0
    """Width of the face in pixels."""
    near: bool = False

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            small = shrunk(frame.image, self.size)
            canvas = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
            left = 300 + 2 * frame.index
            canvas[60 : 60 + small.shape[0], left : left + small.shape[1]] = small
            if self.near:
                canvas[-360:, :640] = frame.image
            frame.image = canvas
            yield frame


def counts(options: str, detect: str, frames: int = 8) -> list[int]:
    text = f"stages:\n  - demo: {{frames: {frames}}}\n  - in_the_distance: {{{options}}}\n  - detect: {{{detect}}}"
    return [len(frame.faces) for frame in Pipeline.parse(text)]


def portrait() -> NDArray[np.uint8]:
    """The demo's first picture."""
    (frame,) = Pipeline.parse("stages:\n  - demo: {frames: 1}")
    return frame.image


def test_auto_finds_a_face_of_two_percent_of_the_width_and_follows_it() -> None:
    assert counts("size: 26", "range: auto") == [1] * 8
    assert counts("size: 26", "range: short") == [0] * 8


def test_far_finds_a_face_of_twelve_pixels() -> None:
    assert counts("size: 13", "range: far", frames=4) == [1] * 4
    assert counts("size: 13", "range: full", frames=4) == [0] * 4


def test_near_and_far_faces_together() -> None:
    assert counts("size: 26, near: true", "range: auto") == [2] * 8


def test_frames_that_are_passed_over_lose_nobody() -> None:
    assert counts("size: 26", "range: auto, every: 3", frames=12) == [1, 0, 0] * 4


def test_a_followed_face_has_its_box_and_keypoints_where_it_is() -> None:
    text = "stages:\n  - demo: {frames: 8}\n  - in_the_distance\n  - detect"
    near = Pipeline.parse("stages:\n  - demo: {frames: 8}\n  - detect")
    for frame, other in zip(Pipeline.parse(text), near, strict=True):
        (face,), (wanted,) = frame.faces, other.faces
        scale, by = 26 / FACE, (300 + 2 * frame.index, 60)
        np.testing.assert_allclose(np.array(face.box), np.array(wanted.box) * scale + by * 2, atol=8)
        np.testing.assert_allclose(face.keypoints[:4], wanted.keypoints[:4] * scale + by, atol=6)


def test_a_picture_that_stands_alone_is_looked_at_as_with_far(tmp_path: Path) -> None:
    small = shrunk(portrait(), 13)
    canvas = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    canvas[400 : 400 + small.shape[0], 900 : 900 + small.shape[1]] = small
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), canvas)
    frames = list(Pipeline.parse(f'stages:\n  - images: {{path: "{tmp_path}", fps: 30}}\n  - detect'))
    assert [(frame[ALONE], len(frame.faces)) for frame in frames] == [(True, 1)] * 2


@pytest.mark.parametrize("edge", range(4), ids=["left", "top", "right", "bottom"])
def test_a_face_of_which_a_third_is_outside_is_found(edge: int) -> None:
    image, axis = portrait(), edge % 2
    with open_detector("auto", "litert", 0.5, None) as detector:
        (face,) = detector.find(Pixels(image), 0.0, Memory())
        place = face.box[edge] + (0.35 if edge < 2 else -0.35) * (face.box[2] - face.box[0])
        part = [slice(None), slice(None)]
        part[1 - axis] = slice(round(place), None) if edge < 2 else slice(None, round(place))
        cut = np.ascontiguousarray(image[tuple(part)])
        memory = Memory()
        assert [len(detector.find(Pixels(cut), index / 25, memory)) for index in range(5)] == [1] * 5


def textures() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (360, 640, 3), np.uint8)
    clouds = cv2.resize(rng.integers(0, 255, (24, 40, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    text, brick = (np.full((360, 640, 3), value, np.uint8) for value in (240, 150))
    for y in range(14, 360, 16):
        cv2.putText(text, "The quick brown fox (jumps) over 13 lazy dogs @ 8.30 &%", (4, y), y % 7, 0.5, (0, 0, 0))
        for x in range(-(y % 3) * 12, 640, 40):
            cv2.rectangle(brick, (x, y), (x + 36, y + 13), rng.integers(40, 160, 3).tolist(), -1)
    return [noise, np.asarray(clouds, np.uint8), text, brick]


def with_holes(holes: list[tuple[int, int]], radius: int) -> NDArray[np.uint8]:
    """Rows of discs with holes at places in tenths of their radius."""
    rng, image = np.random.default_rng(4), np.full((360, 640, 3), (60, 60, 80), np.uint8)
    for y in range(40, 360, 70):
        for x in range(40, 640, 70):
            shade = (np.array((150, 180, 225)) * rng.uniform(0.5, 1)).tolist()
            cv2.circle(image, (x, y), radius, shade, -1, cv2.LINE_AA)
            for right, down in holes:
                place = x + right * radius // 10, y + down * radius // 10
                cv2.circle(image, place, radius // 8, (40, 30, 30), -1, cv2.LINE_AA)
    return image


def test_what_is_no_face_is_none() -> None:
    with open_detector("far", "litert", 0.5, None) as detector:
        assert [detector.find(Pixels(picture), 0.0, Memory(), alone=True) for picture in textures()] == [[]] * 4


@pytest.mark.parametrize("holes", [[(-3, -3), (3, -3), (-3, 3), (3, 3)], [(-3, 0), (3, 0)]], ids=["four", "two"])
def test_a_button_is_no_face(holes: list[tuple[int, int]]) -> None:
    """It looks alike with either side up; of 135 one may pass."""
    pictures = [with_holes(holes, radius) for radius in (22, 26, 30)]
    with open_detector("far", "litert", 0.5, None) as detector:
        assert sum(len(detector.find(Pixels(picture), 0.0, Memory(), alone=True)) for picture in pictures) <= 1


@dataclass
class Looks:
    """Counts how often the whole picture is looked over."""

    times: int = 0

    def __call__(self, *_: object) -> list[Face]:
        self.times += 1
        return []


@pytest.mark.parametrize(("range_", "times"), [("short", 0), ("auto", 5), ("far", 30)])
def test_pauses_grow_where_nobody_is(monkeypatch: pytest.MonkeyPatch, range_: str, times: int) -> None:
    """Of `auto` at 0, 2, 6, 14 and, with no pause longer than 8 seconds, at 22."""
    looks, picture = Looks(), np.zeros((36, 64, 3), np.uint8)
    monkeypatch.setattr(wide, "places", looks)
    memory = Memory()
    with open_detector(range_, "litert", 0.5, None) as detector:  # type: ignore[arg-type]
        for index in range(60):
            detector.find(Pixels(picture), index / 2, memory)
    assert looks.times == times


def pictures(count: int) -> list[NDArray[np.uint8]]:
    text = f"stages:\n  - demo: {{frames: {count}}}\n  - in_the_distance: {{near: true}}"
    return [frame.image for frame in Pipeline.parse(text)]


def boxes(detector: Detector, images: list[NDArray[np.uint8]], memory: Memory, start: int) -> list[list[tuple]]:
    return [[f.box for f in detector.find(Pixels(image), (start + n) / 24, memory)] for n, image in enumerate(images)]


def test_a_run_that_goes_on_finds_the_same() -> None:
    images = pictures(16)
    with open_detector("auto", "litert", 0.5, None) as detector:
        whole = boxes(detector, images, Memory(), 0)
        memory, again = Memory(), Memory()
        first = boxes(detector, images[:7], memory, 0)
        Reader("fervid.stages.faces.detectors.mediapipe").fill(again, Writer().write(memory))
        assert first + boxes(detector, images[7:], again, 7) == whole


def test_a_box_around_a_group_is_no_face() -> None:
    group, member, other = Face((0, 0, 90, 90), 0.8), Face((10, 10, 30, 30), 0.7), Face((8, 8, 36, 36), 0.6)
    assert holds(group, member)
    assert not same(group, member)
    assert same(other, member)
    assert not holds(other, member)


def numbers(found: Any) -> tuple[float, ...]:
    """The box of what MediaPipe found, its keypoints and its score."""
    place, points = found.location_data.relative_bounding_box, found.location_data.relative_keypoints
    box = place.xmin, place.ymin, place.xmin + place.width, place.ymin + place.height
    return (*box, *(number for point in points for number in (point.x, point.y)), found.score[0])


@pytest.mark.parametrize(("network", "model"), [(SHORT, 0), (FULL, 1)], ids=["short", "full"])
def test_faces_are_those_of_mediapipe(network: object, model: int) -> None:
    """On identical small pictures, one turned upright, boxes and keypoints lie within 1e-4 of the picture's width."""
    mediapipe = pytest.importorskip("mediapipe", reason=ENDS)
    least = (0.5, 0.6)[model]
    networks = Networks()
    ours = networks.short if network is SHORT else networks.full()
    theirs = mediapipe.solutions.face_detection.FaceDetection(least, model_selection=model)
    image = portrait()
    seen = 0
    two = np.hstack([image[:, :420], image[:, 120:540]])
    for part in (image, image[:, 100:420], image[40:, 60:], two, textures()[1]):
        small = small_copy(Pixels(np.ascontiguousarray(part)))
        got = sorted((*face.box, *face.keypoints.ravel(), face.score) for face in find(ours, small, least))
        wanted = sorted(numbers(one) for one in theirs.process(small).detections or [])
        assert len(got) == len(wanted)
        np.testing.assert_allclose(np.array(got), np.array(wanted), atol=1e-4)
        seen += len(wanted)
    theirs.close()
    assert seen >= 4


def test_anchors_stand_in_the_middle_of_cells() -> None:
    assert anchors(SHORT, 128, 128).shape == (896, 2)
    assert anchors(SHORT, 128, 128)[[0, 1, 2, 512]].tolist() == [[4, 4], [4, 4], [12, 4], [8, 8]]
    assert anchors(FULL, 192, 192).shape == (2304, 2)
    assert anchors(FULL, 64, 32)[-1].tolist() == [62, 30]


@pytest.mark.parametrize(("asked", "used"), [("auto", "litert"), ("mediapipe", "mediapipe")])
def test_the_run_says_what_runs_the_networks(asked: str, used: str) -> None:
    if used == "mediapipe":
        pytest.importorskip("mediapipe", reason=ENDS)
    pipeline = Pipeline.parse(f"stages:\n  - demo: {{frames: 1}}\n  - detect: {{runtime: {asked}, range: short}}")
    list(pipeline)
    assert pipeline.run.notes["detector"] == {"name": "mediapipe", "runtime": used}


def test_far_needs_litert() -> None:
    pytest.importorskip("mediapipe", reason=ENDS)
    with pytest.raises(ModelError, match="`range: far` needs LiteRT: use `runtime: litert`, or `auto`"):
        list(Pipeline.parse("stages:\n  - demo: {frames: 1}\n  - detect: {range: far, runtime: mediapipe}"))


def test_everybody_in_wide_shots(cases: Path) -> None:
    gallery = Pipeline.parse(f'stages:\n  - file: {{path: "{cases / "gallery_5x5.mp4"}"}}\n  - detect\n  - track')
    frames = list(gallery)
    assert [len(frame.faces) for frame in frames] == [25] * 10
    assert {face.track for frame in frames for face in frame.faces} == set(range(1, 26))
