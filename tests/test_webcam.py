"""The webcam source: OpenCV's capture, here of a video file in the camera's place, and what is said without one."""

from pathlib import Path

import footage
import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import InputError


def test_frames_come_with_times_until_the_camera_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = footage.make(tmp_path / "camera.avi", "-c:v", "mjpeg")
    settings = {"webcam.device": str(clip), "threads": False}
    frames = list(Pipeline.parse("stages:\n  - webcam", settings))
    assert len(frames) == 50
    assert frames[0].source.live
    assert frames[0].wall_time is not None
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    assert "was it unplugged" in caplog.text
    assert frames[0].source.cut == "disconnected"


def test_a_slow_pipeline_gets_the_newest_frames(tmp_path: Path) -> None:
    import time

    clip = footage.make(tmp_path / "camera.avi", "-c:v", "mjpeg", seconds=4)
    seen = 0
    for frame in Pipeline.parse("stages:\n  - webcam", {"webcam.device": str(clip)}):
        assert frame.index == seen
        seen += 1
        time.sleep(0.02)
    assert seen < 100
    assert seen + frame.source.dropped == 100


def test_no_camera_is_a_sentence() -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    with pytest.raises(InputError, match="there is no camera; connect one"):
        list(Pipeline.parse("stages:\n  - webcam"))
