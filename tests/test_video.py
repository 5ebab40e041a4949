"""The video sink: every frame at its own time, the sound bit for bit, whole or absent."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import footage
import numpy as np
import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import ConfigError, OutputError

CHAIN = "stages:\n  - file\n  - video"


def copy(clip: Path, out: Path, **options: object) -> Path:
    settings = {"file.path": str(clip), "video.path": str(out), **{f"video.{key}": one for key, one in options.items()}}
    for _ in Pipeline.parse(CHAIN, settings):
        pass
    return out


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_times_survive_a_variable_frame_rate(tmp_path: Path, codec: str) -> None:
    drop = "select='not(mod(n\\,3))+gt(n\\,25)'"
    clip = footage.make(tmp_path / "vfr.mp4", "-vf", drop, "-fps_mode", "vfr", "-c:v", "libx264")
    assert footage.times(copy(clip, tmp_path / "out.mp4", codec=codec)) == pytest.approx(footage.times(clip), abs=1e-5)


@pytest.mark.parametrize("offset", ["0", "1.5"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_sound_is_copied_bit_for_bit_and_keeps_its_place(tmp_path: Path, suffix: str, offset: str) -> None:
    options = ("-c:v", "libx264", "-c:a", "aac", "-output_ts_offset", offset)
    clip = footage.make(tmp_path / f"in.{suffix}", *options, sound=True)
    out = copy(clip, tmp_path / f"out.{suffix}")
    assert footage.sound(out) == footage.sound(clip)
    assert footage.times(out) == pytest.approx(footage.times(clip), abs=1e-5 if suffix == "mp4" else 1e-3)
    assert lead(out) == pytest.approx(lead(clip), abs=2e-3)


def lead(path: Path) -> float:
    """Seconds from the first picture to the first sound."""
    with av.open(str(path)) as container:
        sound, picture = next(container.decode(audio=0)), None
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    return float(sound.time - picture.time)


def test_sound_that_a_container_cannot_hold_is_left_out_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", "pcm_s16le", sound=True)
    out = copy(clip, tmp_path / "out.mp4")
    assert "cannot hold pcm_s16le sound" in caplog.text
    with av.open(str(out)) as container:
        assert not container.streams.audio
    assert footage.sound(copy(clip, tmp_path / "out.mkv")) == footage.sound(clip)


def test_pixels_that_nobody_changed_come_out_as_they_went_in(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "in.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", seconds=0.4)
    out = copy(clip, tmp_path / "out.mp4", crf=0)
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        for one, other in zip(before.decode(video=0), after.decode(video=0), strict=True):
            difference = np.abs(one.to_ndarray().astype(int) - other.to_ndarray().astype(int))
            assert difference.mean() < 1.5


def test_odd_sizes_and_pictures_of_other_sizes(tmp_path: Path) -> None:
    import cv2

    for number, shape in enumerate([(241, 321), (100, 300), (480, 640)]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((*shape, 3), 90 + 60 * number, np.uint8))
    settings = {"images.path": str(tmp_path), "video.path": str(tmp_path / "out.mp4")}
    for _ in Pipeline.parse("stages:\n  - images\n  - video", settings):
        pass
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(322, 242)] * 3
    assert [float(frame.time) for frame in frames] == pytest.approx([0, 1, 2])


def test_another_ending_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"video: .*is written as \.mp4 or \.mkv"):
        Pipeline.parse("stages:\n  - demo\n  - video: {path: out.avi}")


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "in.mp4")
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="would overwrite the input"):
        copy(clip, clip)
    assert clip.read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    clip = footage.make(tmp_path / "in.mp4", "-c:v", "libx264", seconds=4)
    with pytest.raises(OutputError, match="No space left on device"):
        copy(clip, small_disk / "out.mp4", crf=1)
    assert list(small_disk.iterdir()) == []


def test_a_run_that_is_stopped_leaves_a_video_one_can_watch(tmp_path: Path) -> None:
    clip, out = footage.make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    pipeline = Pipeline.parse(CHAIN, {"file.path": str(clip), "video.path": str(out)})
    for frame in pipeline:
        if frame.index == 10:
            pipeline.stop()
    assert not out.exists()
    assert 10 < len(footage.times(tmp_path / "out.partial.mp4")) < 50
