"""Recordings as cameras, recorders and editors leave them: containers, raw streams, tracks, clocks and sizes."""

import json
from pathlib import Path
from typing import Any

import av
import footage
import numpy as np
import pytest

from fervid.pipeline import Frame, Pipeline, Run
from fervid.pipeline.errors import InputError
from fervid.pipeline.terminal import session

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast")
OUT = "stages:\n- file\n- video"


def run(path: Path, **options: Any) -> tuple[list[Frame], Run]:
    settings = {"file.path": str(path), **{f"file.{key.rstrip('_')}": value for key, value in options.items()}}
    pipeline = Pipeline.parse("stages:\n- file", settings)
    return list(pipeline), pipeline.run


def read(path: Path, **options: Any) -> list[Frame]:
    return run(path, **options)[0]


def times(path: Path, **options: Any) -> list[float]:
    return [frame.time for frame in read(path, **options)]


def every(seconds: float, count: int) -> Any:
    return pytest.approx([seconds * index for index in range(count)], abs=1e-4)


def short(path: Path, *options: str, rate: str = "30", size: str = "320x240", frames: int = 18) -> Path:
    pattern = f"testsrc2=size={size}:rate={rate}"
    return footage.ffmpeg("-f", "lavfi", "-i", pattern, "-frames:v", str(frames), *options, str(path))


PAL = ("-c:v", "dvvideo", "-pix_fmt", "yuv420p")


@pytest.mark.parametrize(
    ("name", "size", "rate", "options"),
    [
        ("tape.dv", "720x576", "25", PAL),
        ("tape.mov", "720x576", "25", PAL),
        ("a.y4m", "320x240", "15", ("-pix_fmt", "yuv420p")),
        ("a.nut", "320x240", "30", H264),
        ("a.wtv", "320x240", "60", H264),
        ("a.rm", "352x288", "24", ("-c:v", "rv20")),
        ("a.mxf", "320x240", "25", ("-c:v", "mpeg2video")),
        ("a.vob", "320x240", "25", ("-c:v", "mpeg2video")),
        ("a.f4v", "320x240", "30", H264),
        ("a.3gp", "352x288", "15", ("-c:v", "h263")),
        ("a.ivf", "320x240", "30", ("-c:v", "libvpx", "-deadline", "realtime")),
        ("a.ogv", "320x240", "30", ("-c:v", "libtheora")),
    ],
)
def test_containers_that_hold_their_pictures_are_read(
    tmp_path: Path, name: str, size: str, rate: str, options: tuple[str, ...]
) -> None:
    frames, made = run(short(tmp_path / name, *options, size=size, rate=rate))
    assert len(frames) == 18
    assert [frame.time - frames[0].time for frame in frames] == pytest.approx(
        [n / float(rate) for n in range(18)], abs=2e-3
    )
    assert frames[0].source.fps == pytest.approx(float(rate), rel=0.01)
    assert made.lost.cut is None


@pytest.mark.parametrize(("name", "count"), [("tape.dv", 1), ("x.y4m", 3), ("x.nut", 18), ("x.wtv", 18)])
def test_containers_among_the_cases(cases: Path, name: str, count: int) -> None:
    assert len(read(cases / name)) == count


def test_a_container_that_is_not_taken_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    for name in ("a.swf", "a.mov"):
        short(tmp_path / name, "-c:v", "flv" if name == "a.swf" else "mpeg4")
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile a.mov\n")
    (tmp_path / "c.mp4").write_bytes((tmp_path / "a.mov").read_bytes()[:300])
    for name, words in [("a.swf", "container is not taken"), ("b.mp4", "is not taken"), ("c.mp4", "index is missing")]:
        with pytest.raises(InputError, match=words):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("a.h264", 30, (*H264, "-bf", "2")),
        ("a.264", 50, H264),
        ("a.hevc", 24, ("-c:v", "libx265", "-x265-params", "log-level=error", "-preset", "ultrafast")),
        ("a.m2v", 30000 / 1001, ("-c:v", "mpeg2video")),
        ("a.m1v", 60, ("-c:v", "mpeg1video")),
        ("a.avc", 12, (*H264, "-f", "h264")),
    ],
)
def test_a_raw_stream_goes_by_its_header(
    tmp_path: Path, name: str, rate: float, options: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    written = "30000/1001" if rate % 1 else str(rate)
    clip = short(tmp_path / name, *options, rate=written)
    frames = read(clip)
    assert [frame.time for frame in frames] == every(1 / rate, 18)
    assert frames[0].source.fps == pytest.approx(rate)
    assert f"{rate:g} frames a second, as its header says; file.rate says otherwise" in caplog.text
    caplog.clear()
    assert times(clip, rate=10) == every(0.1, 18)
    assert not caplog.text


def test_a_raw_stream_whose_header_is_silent_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert times(short(tmp_path / "a.mjpeg", "-c:v", "mjpeg")) == every(0.04, 18)
    assert "25 frames a second, assumed, as its header says nothing" in caplog.text


def test_the_raw_stream_of_the_cases(cases: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert times(cases / "raw30fps.h264") == every(1 / 30, 18)
    assert "header" in caplog.text
    assert times(cases / "raw30fps.h264", rate=25) == every(0.04, 18)


def test_a_rate_is_for_raw_streams_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="times of its own; `rate` is for raw streams"):
        read(short(tmp_path / "a.mp4", *H264), rate=30)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov", "a.ts", "a.nut"])
def test_one_of_several_video_tracks_is_chosen_and_told(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    sources = [f"color={color}:size={size}:rate=30" for color, size in (("red", "320x240"), ("blue", "160x120"))]
    inputs = [one for source in sources for one in ("-f", "lavfi", "-i", source)]
    clip = footage.ffmpeg(*inputs, "-map", "0", "-map", "1", "-frames:v", "5", *H264, str(tmp_path / name))
    assert read(clip)[0].image.shape == (240, 320, 3)
    assert "holds 2 video tracks (320 x 240, 160 x 120); number 1 is read, file.track chooses another" in caplog.text
    caplog.clear()
    assert read(clip, track=2)[0].image.shape == (120, 160, 3)
    assert not caplog.text
    with pytest.raises(InputError, match="has no video track 3: it holds 2"):
        read(clip, track=3)


def test_what_was_taken_unasked_is_told_with_quiet_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = short(tmp_path / "a.h264", *H264)
    assert session.run(Pipeline.parse("stages:\n- file", {"file.path": str(clip)}), quiet=True) == 0
    assert "a raw stream without times; 30 frames a second, as its header says" in capsys.readouterr().err


def test_a_picture_in_the_form_of_a_video_is_a_picture(tmp_path: Path) -> None:
    clip = short(tmp_path / "photo.mp4", *H264, "-brand", "heic")
    with pytest.raises(InputError, match="is a picture; the `images` source reads pictures"):
        read(clip)


def test_both_cameras_of_the_cases(cases: Path, caplog: pytest.LogCaptureFixture) -> None:
    shapes = [read(cases / "two_cameras.mkv", track=track)[0].image.shape for track in (1, 2)]
    assert shapes == [(540, 960, 3), (360, 640, 3)]
    read(cases / "two_cameras.mkv")
    assert "2 video tracks" in caplog.text


WRAP = 2**33 / 90_000


@pytest.mark.parametrize("before", [0.2, 1, 5, 30, 3600, 10_000])
def test_a_clock_that_wraps_goes_on(tmp_path: Path, before: float) -> None:
    clip = short(tmp_path / "a.ts", *H264, "-output_ts_offset", str(WRAP - before - 1.4), frames=40)
    told = times(clip)
    assert [time - told[0] for time in told] == every(1 / 30, 40)
    assert told[0] == pytest.approx(WRAP - before, abs=0.2)


def film(clip: Path, out: Path, **options: Any) -> list[float]:
    settings = {"file.path": str(clip), "video.path": str(out), **{f"file.{key}": one for key, one in options.items()}}
    for _ in Pipeline.parse(OUT, settings):
        pass
    return footage.times(out)


def heard(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(audio=0)]


def with_sound(path: Path, *options: str, seconds: float = 3, codec: str = "aac") -> Path:
    return footage.make(path, *H264, "-g", "10", "-c:a", codec, *options, seconds=seconds, sound=True)


@pytest.mark.parametrize(
    ("name", "offset"), [("a.ts", 36000.0), ("b.ts", WRAP - 1.9), ("a.mkv", 7200.0), ("a.nut", 60.0), ("a.mp4", 90.5)]
)
def test_a_video_of_a_late_clock_plays_at_once_with_its_sound(tmp_path: Path, name: str, offset: float) -> None:
    early = with_sound(tmp_path / f"early_{name}")
    late = with_sound(tmp_path / name, "-output_ts_offset", str(offset))
    shown, told = film(late, tmp_path / "late.mp4"), times(late)
    assert told[0] >= offset
    assert 0 <= shown[0] < 0.1
    assert np.diff(shown) == pytest.approx(np.diff(told), abs=2e-3)
    reference = film(early, tmp_path / "early.mp4")
    lead = heard(tmp_path / "early.mp4")[0] - reference[0]
    assert heard(tmp_path / "late.mp4")[0] - shown[0] == pytest.approx(lead, abs=0.03)
    assert heard(tmp_path / "late.mp4")[-1] == pytest.approx(shown[-1], abs=0.15)


@pytest.mark.parametrize("name", ["wrap.ts", "clock10h.ts"])
def test_clocks_among_the_cases(cases: Path, tmp_path: Path, name: str) -> None:
    told = times(cases / name)
    assert len(told) == 18
    assert [time - told[0] for time in told] == every(1 / 30, 18)
    shown = film(cases / name, tmp_path / "out.mp4")
    assert [time - shown[0] for time in shown] == every(1 / 30, 18)
    assert 0 <= shown[0] < 0.1
    assert heard(tmp_path / "out.mp4")[0] < 0.1


CHAIN = "stages:\n- file\n- detect\n- track\n- csv"


def resized(tmp_path: Path, clip: Path, sizes: list[str], suffix: str = "ts") -> Path:
    """The first half second of a clip, its next half second and so on, each at a size of its own, in one stream."""
    parts = [
        footage.ffmpeg(
            *("-ss", f"{number / 2}", "-i", str(clip), "-t", "0.5", "-vf", f"scale={size}", "-an", *H264),
            *("-output_ts_offset", f"{number / 2}", str(tmp_path / f"{number}.{suffix}")),
        )
        for number, size in enumerate(sizes)
    ]
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    return joined


@pytest.mark.parametrize(
    "sizes",
    [
        ["640:360", "320:180"],
        ["320:180", "1280:720"],
        ["640:360", "426:240", "640:360"],
        ["1280:720", "640:360", "320:180", "640:360"],
        ["640:360", "480:360"],
        ["640:360", "640:272"],
    ],
)
def test_a_face_keeps_its_id_where_pictures_change_their_size(
    tmp_path: Path, clips: Path, sizes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    joined = resized(tmp_path, clips / "one_face_talking.mp4", sizes)
    pipeline = Pipeline.parse(CHAIN, {"file.path": str(joined), "csv.path": str(tmp_path / "out.csv")})
    frames = list(pipeline)
    assert {face.track for frame in frames for face in frame.faces} == {1}
    assert all(len(frame.faces) == 1 for frame in frames)
    seen = {tuple(map(int, size.split(":"))) for size in sizes}
    assert {frame.image.shape[1::-1] for frame in frames} == seen
    told = json.loads((tmp_path / "out.csv.json").read_text())["sizes"]["since"]
    assert [f"{one['width']}:{one['height']}" for one in told] == sizes
    assert told[0]["frame"] == 0
    assert frames[told[1]["frame"]].image.shape[1::-1] == (told[1]["width"], told[1]["height"])
    assert "its pictures change their size: " in caplog.text


@pytest.mark.parametrize("suffix", ["ts", "h264"])
def test_pixels_change_their_shape_where_the_stream_says_so(tmp_path: Path, suffix: str) -> None:
    """As broadcasts do, between 4:3 and 16:9."""
    parts = [
        footage.make(
            *(tmp_path / f"{number}.{suffix}", "-vf", f"setsar={aspect}", "-c:v", "libx264", "-bf", "3"),
            *("-output_ts_offset", f"{number}"),
            seconds=0.4,
        )
        for number, aspect in enumerate(["1", "4/3", "1"])
    ]
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(Pipeline.parse(f"stages:\n- file: {{path: {joined}}}"))
    assert [frame.image.shape[1] for frame in frames] == [320] * 10 + [427] * 10 + [320] * 10


def test_the_size_change_of_the_cases(cases: Path, tmp_path: Path) -> None:
    settings = {"file.path": str(cases / "size_changes.ts"), "csv.path": str(tmp_path / "out.csv")}
    frames = list(Pipeline.parse(CHAIN, settings))
    assert [[face.track for face in frame.faces] for frame in frames] == [[1]] * 18
