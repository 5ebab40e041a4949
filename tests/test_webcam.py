"""The webcam source: OpenCV's capture, here of a video file in the camera's place, and what is said without one."""

import os
import time
from pathlib import Path

import footage
import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import InputError


def test_frames_come_with_times_until_the_camera_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = footage.make(tmp_path / "camera.avi", "-c:v", "mjpeg")
    settings = {"webcam.device": str(clip), "threads": False}
    pipeline = Pipeline.parse("stages:\n  - webcam", settings)
    frames = list(pipeline)
    assert len(frames) == 50
    assert frames[0].source.live
    assert frames[0].wall_time is not None
    assert frames[0].time == 0
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    assert "was it unplugged" in caplog.text
    assert pipeline.run.lost.cut == "disconnected"


def test_a_slow_pipeline_gets_the_newest_frames(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "camera.avi", "-c:v", "mjpeg", seconds=4)
    seen = 0
    pipeline = Pipeline.parse("stages:\n  - webcam", {"webcam.device": str(clip)})
    for frame in pipeline:
        assert frame.index == seen
        seen += 1
        time.sleep(0.02)
    assert seen < 100
    assert seen + pipeline.run.lost.dropped == 100


def test_no_camera_is_a_sentence() -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    with pytest.raises(InputError, match="there is no camera; connect one"):
        list(Pipeline.parse("stages:\n  - webcam"))


@pytest.mark.parametrize("device", ["/dev/no-video", "http://127.0.0.1:1/cam", "clip.fifo"])
def test_what_is_no_device_is_not_opened(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("clip.fifo")
    with pytest.raises(InputError, match=f"webcam {device}: "):
        list(Pipeline.parse("stages:\n  - webcam", {"webcam.device": device}))


def test_opencv_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError):
        list(Pipeline.parse("stages:\n  - webcam: {device: 97}"))
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_gives_nothing_is_said_in_time(tmp_path: Path) -> None:
    silent = tmp_path / "silent.avi"
    silent.write_bytes(footage.make(tmp_path / "whole.avi", "-c:v", "mjpeg").read_bytes()[:5000])
    began = time.monotonic()
    with pytest.raises(InputError, match=r"no picture|no camera"):
        list(Pipeline.parse("stages:\n  - webcam", {"webcam.device": str(silent)}))
    assert time.monotonic() - began < 10
