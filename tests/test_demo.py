"""The demo source: pictures whose faces stand where `truth` says, on any machine."""

import numpy as np
import pytest

from fervid.pipeline import Frame, Pipeline
from fervid.pipeline.frame import Box
from fervid.stages.sources.demo import Demo


def watch(options: str, *more: str) -> list[Frame]:
    return list(Pipeline.parse("\n".join(["stages:", f"- demo: {{{options}}}", *more])))


def overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared)


def test_the_face_is_found_in_every_frame_where_it_is() -> None:
    frames = watch("", "- detect")
    assert [len(frame.faces) for frame in frames] == [1] * 240
    found = [overlap(frame.faces[0].box, Demo().truth(frame.index)[0]) for frame in frames]
    assert np.median(found) > 0.75
    assert min(found) > 0.4


def test_what_is_asked_for_is_made() -> None:
    frames = watch("frames: 5, width: 320, height: 200, fps: 12.5")
    assert [frame.time for frame in frames] == [0.0, 0.08, 0.16, 0.24, 0.32]
    assert [frame.index for frame in frames] == list(range(5))
    assert {frame.image.shape for frame in frames} == {(200, 320, 3)}
    source = frames[0].source
    assert (source.name, source.width, source.height, source.fps, source.length) == ("demo", 320, 200, 12.5, 5)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (128, 128), (1920, 1080)])
def test_every_face_stays_in_the_picture(size: tuple[int, int]) -> None:
    demo = Demo(width=size[0], height=size[1], faces=4)
    for x1, y1, x2, y2 in (box for index in range(2000) for box in demo.truth(index)):
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= size[0]
        assert y2 <= size[1]


def test_two_portraits_cross() -> None:
    demo = Demo(faces=2)
    order = {left[0] < right[0] for left, right in map(demo.truth, range(240))}
    assert order == {True, False}
    assert any(overlap(*demo.truth(index)) > 0.3 for index in range(240))


def test_no_portrait_leaves_the_background() -> None:
    empty, shown = watch("frames: 2, faces: 0"), watch("frames: 1")
    np.testing.assert_array_equal(empty[0].image, empty[1].image)
    x1, y1, x2, y2 = map(int, Demo().truth(0)[0])
    changed = (shown[0].image != empty[0].image).any(axis=2)
    assert changed[y1:y2, x1:x2].all()
    assert 0.05 < changed.mean() < 0.4
    assert Demo(faces=0).truth(0) == []


def test_reading_again_gives_the_same_frames() -> None:
    frames = watch("frames: 4")
    reopen = frames[0].source.reopen
    assert reopen is not None
    for first, second in zip(frames, reopen(), strict=True):
        assert first.time == second.time
        np.testing.assert_array_equal(first.image, second.image)
