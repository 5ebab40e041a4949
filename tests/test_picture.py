"""Pictures stay in the form in which they came, and show the same as the arrays that are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from fervid.pipeline import Face, Frame, Frames, Pipeline, Source
from fervid.pipeline.picture import Pixels
from fervid.stages.faces.emotions import PROBABILITIES, Emotions
from fervid.stages.sinks.draw import Draw
from fervid.stages.sinks.recording.pixels import planes
from fervid.stages.sources.decoding.decoded import Decoded
from fervid.stages.sources.decoding.orientation import AS_STORED, Orientation
from fervid.stages.sources.decoding.painted import apart

FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray", "yuv420p10le", "yuv422p10le", "bgr24"]


def scenery(width: int, height: int) -> np.ndarray[Any, Any]:
    """Soft colours with an edge here and there, as in films."""
    rng = np.random.default_rng(width)
    soft = cv2.resize(rng.integers(20, 230, (9, 12, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.circle(soft, (width // 3, height // 2), height // 4, (200, 180, 60), -1)
    return np.asarray(soft)


def decoded(
    form: str = "yuv420p",
    size: tuple[int, int] = (320, 180),
    orientation: Orientation = AS_STORED,
    aspect: Fraction | None = None,
) -> Decoded:
    frame = av.VideoFrame.from_ndarray(scenery(*size), "bgr24")
    return Decoded(frame if form == "bgr24" else frame.reformat(format=form), aspect, orientation)


def every_kind() -> Iterator[Any]:
    for form in FORMATS:
        yield pytest.param(decoded(form), id=form)
    yield pytest.param(decoded(size=(321, 181)), id="odd")
    yield pytest.param(decoded(aspect=Fraction(4, 3)), id="wide pixels")
    for turns in range(4):
        for mirrored in (False, True):
            name = f"{90 * turns} degrees{', mirrored' * mirrored}"
            yield pytest.param(decoded(orientation=Orientation(turns, mirrored)), id=name)
    yield pytest.param(decoded("yuvj420p", orientation=Orientation(1)), id="full range, turned")


@pytest.mark.parametrize("picture", list(every_kind()))
def test_parts_and_copies_are_those_of_the_array(picture: Decoded) -> None:
    """But for what swscale cuts off where it makes the array of rare formats: 1.5 levels."""
    whole = Pixels(picture.bgr())
    assert (picture.width, picture.height) == (whole.width, whole.height)
    rows, columns = slice(31, 96), slice(17, 120)
    assert np.array_equal(picture.part(rows, columns), whole.part(rows, columns))
    crossing = np.array([0, 33, 34, 95, picture.height - 1]), np.array([1, 2, 77, picture.width - 1])
    assert np.array_equal(picture.points(*crossing), whole.points(*crossing))
    for what in ((), (rows, columns), (rows, columns, (40, 40)), (slice(None), slice(None), (64, 64))):
        assert apart_by(picture.grey(*what), whole.grey(*what)) < 2
    assert apart_by(picture.small(90, 80), whole.small(90, 80)) < 2
    assert picture.small(400, 400).shape == (400, 400, 3)


def apart_by(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Grey levels, in the mean."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def test_an_array_is_made_when_someone_asks(tmp_path: Path) -> None:
    made: list[Any] = []
    stages = "stages: [{demo: {frames: 3}}, {video: {path: %s}}]"
    list(Pipeline.parse(stages % (tmp_path / "a.mp4")))
    for frame in Pipeline.parse(
        f"stages: [{{file: {{path: {tmp_path / 'a.mp4'}}}}}, detect, track, emotions, quality]"
    ):
        assert isinstance(frame.picture, Decoded)
        made.append(frame)
    assert all(face[PROBABILITIES] is not None for frame in made for face in frame.faces)
    image = made[0].image
    image[:] = 7
    assert made[0].image is image
    assert made[0].picture.grey().mean() == pytest.approx(7, abs=1)


def frame_of(picture: Any) -> Frame:
    face = Face(
        (100.0, 40.0, 160.0, 110.0),
        0.9,
        np.array([[120, 60], [140, 60], [130, 80], [130, 95], [101, 70], [159, 70]], np.float32),
    )
    far = Face((-10.0, 130.0, 25.0, 190.0), 0.8, track=2, status="predicted")
    return Frame(0, 0.0, picture, Source("a", 320, 180), [face, far])


def test_what_is_painted_leaves_the_rest_as_it_came() -> None:
    draw = Draw(keypoints=True)
    (ours,) = draw.run(Frames([frame_of(decoded())]))
    (all_of_it,) = draw.run(Frames([frame_of(decoded().bgr())]))
    stored, mixed = decoded().planes(), planes(ours.picture, 320, 180)
    assert stored is not None
    same = stored == mixed
    assert 0.9 < same.mean() < 0.99
    assert apart_by(mixed, planes(all_of_it.picture, 320, 180)) < 0.5
    assert np.array_equal(ours.image, all_of_it.image)


def test_patches_lie_apart() -> None:
    places = [(3, 3, 10, 10), (9, 9, 21, 15), (50, 50, 60, 60), (-9, 70, 5, 99), (90, 90, 99, 99), (100, 0, 120, 4)]
    assert sorted(apart(places, 100, 80)) == [(0, 70, 6, 80), (2, 2, 22, 16), (50, 50, 60, 60)]
    assert apart([(0, 0, 10, 10), (20, 0, 30, 10), (9, 4, 21, 6)], 100, 80) == [(0, 0, 30, 10)]


def test_faces_that_are_read_together_are_read_as_alone(tmp_path: Path) -> None:
    """In bursts of a file's frames, or one by one as they come from a camera."""
    list(Pipeline.parse(f"stages: [{{demo: {{frames: 21}}}}, {{video: {{path: {tmp_path / 'a.mp4'}}}}}]"))
    seen = list(Pipeline.parse(f"stages: [{{file: {{path: {tmp_path / 'a.mp4'}}}}}, detect]"))
    together = scores(seen)
    for frame in seen:
        frame.source = replace(frame.source, live=True)
    alone = scores(seen)
    assert len(together) > 20
    assert np.allclose(together, alone, rtol=0, atol=1e-6)


def scores(frames: list[Frame]) -> list[Any]:
    read = list(Emotions().run(Frames(frames)))
    assert [frame.index for frame in read] == list(range(len(frames)))
    return [face[PROBABILITIES] for frame in read for face in frame.faces]
