"""The detector on real faces."""

import numpy as np
import pytest

from fervid.pipeline import Pipeline

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
