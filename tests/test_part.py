"""A part of a recording: frames keep the numbers and times of the whole, and the sound is cut to match."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import footage
import numpy as np
import pytest
from test_recordings import H264, heard, short, with_sound

from fervid.pipeline import Frame, Pipeline
from fervid.pipeline.checkpoint import Wish
from fervid.pipeline.errors import ConfigError, InputError
from fervid.stages.sources.decoding.clock import Clock


def read(path: Path, **options: Any) -> list[Frame]:
    return list(Pipeline.parse("stages:\n- file", settings(path, **options)))


def settings(path: Path, **options: Any) -> dict[str, Any]:
    return {"file.path": str(path), **{f"file.{key.rstrip('_')}": value for key, value in options.items()}}


CLIPS = {
    "a.mp4": (*H264, "-bf", "2", "-g", "10"),
    "open.mkv": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3", "-g", "12", "-x264-params", "open-gop=1"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=12", "-preset", "ultrafast"),
    "a.ts": ("-c:v", "mpeg2video", "-bf", "2", "-g", "9"),
    "a.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "15"),
    "vp8.webm": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "10", "-g", "20"),
    "a.avi": ("-c:v", "mpeg4", "-g", "10"),
    "vfr.mp4": (*H264, "-g", "10", "-vf", "select='not(mod(n\\,3))+gt(n\\,25)'", "-fps_mode", "vfr"),
    "a.h264": (*H264, "-bf", "2"),
    "one_key.mp4": (*H264, "-g", "1000"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_frames_keep_numbers_times_and_pixels_of_the_whole(tmp_path: Path, name: str) -> None:
    clip = footage.make(tmp_path / name, *CLIPS[name], size="160x120", seconds=3)
    frames = read(clip)
    for begin in (frames[0].time + after for after in (0.5, 1.02, 1.9)):
        whole = [frame for frame in frames if begin <= frame.time < begin + 0.7]
        part = read(clip, from_=begin, to=begin + 0.7)
        assert len(whole) > 5
        assert [(frame.index, frame.time) for frame in part] == [(frame.index, frame.time) for frame in whole]
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize("name", CLIPS)
def test_a_part_is_cut_short_only_where_the_input_ends_before_it(tmp_path: Path, name: str) -> None:
    clip = footage.make(tmp_path / name, *CLIPS[name], size="160x120", seconds=3)
    for part in ({"to": 1.5}, {"from_": 1}, {"from_": 1, "to": 2}, {"to": 100}, {"from_": 1, "to": 100}):
        assert _cut(clip, **part) is None, part


def test_a_part_that_the_input_does_not_reach_is_cut_short(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.mp4", *H264, "-g", "10", "-movflags", "+faststart", seconds=4)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    reached = read(clip)[-1].time
    assert _cut(clip, to=reached / 2) is None
    assert _cut(clip, to=reached + 1) == "truncated"
    assert _cut(clip, from_=reached / 2, to=reached + 1) == "truncated"
    assert _cut(clip, from_=reached / 2) == "truncated"


def _cut(path: Path, **options: Any) -> str | None:
    running = Pipeline.parse("stages:\n- file", settings(path, **options))
    list(running)
    return running.run.lost.cut


@pytest.mark.parametrize(
    ("yaml", "first"), [("60", 60), ("0:01:00", 60), ("1:00", 60), ("'1:00.5'", 60.5), ("60.25", 60.25)]
)
def test_seconds_and_clock_times(tmp_path: Path, yaml: str, first: float) -> None:
    clip = short(tmp_path / "a.mp4", *H264, rate="4", frames=250, size="64x48")
    frames = list(Pipeline.parse(f"stages:\n- file: {{path: {clip}, from: {yaml}, to: 0:01:01}}"))
    assert [frame.time for frame in frames] == pytest.approx(list(np.arange(first, 61, 0.25)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("from: -1", "'from': -1.* is neither seconds nor a clock time such as 0:02:00"),
        ("to: soon", "'to': 'soon' is neither"),
        ("from: '1:75'", "'1:75' is neither"),
        ("from: 20, to: 10", "'to': 10.* is not behind `from`, 20"),
        ("from: 20, to: 20", "is not behind"),
        ("form: 20", "no option 'form'; did you mean 'from'"),
        ("sample: 0", "'sample'"),
    ],
)
def test_what_is_no_part_is_told_before_anything_is_read(options: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Pipeline.parse(f"stages:\n- file: {{path: a.mp4, {options}}}")


def test_a_part_behind_the_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of its pictures lies in the part that `from` and `to` name"):
        read(short(tmp_path / "a.mp4", *H264), from_=10)


@pytest.mark.parametrize(
    ("rate", "sample"), [("25", 2), ("30", 1), ("30000/1001", 2), ("24", 10), ("10", 25), ("7", 3)]
)
def test_samples_are_the_first_frames_at_or_behind_their_turns(tmp_path: Path, rate: str, sample: float) -> None:
    clip = short(tmp_path / "a.mkv", *H264, rate=rate, frames=60, size="64x48")
    whole = [(frame.index, frame.time) for frame in read(clip)]
    turns = np.arange(0, whole[-1][1] + 1e-9, 1 / sample)
    wanted = sorted({next(one for one in whole if one[1] >= turn - 1e-6) for turn in turns})
    frames = read(clip, sample=sample)
    assert [(frame.index, frame.time) for frame in frames] == wanted
    assert frames[0].source.fps == pytest.approx(min(sample, float(Fraction(rate))), rel=0.02)


def test_a_part_of_a_late_clock_counts_from_its_beginning(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "a.ts", "-output_ts_offset", "36000")
    began = read(clip)[0].time
    assert read(clip, from_=1, to=2)[0].time == pytest.approx(began + 1, abs=0.06)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.ts", "aac"), ("a.avi", "libmp3lame")]
)
@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
def test_the_sound_is_cut_to_match(tmp_path: Path, name: str, codec: str, out: str) -> None:
    clip = with_sound(tmp_path / name, seconds=6, codec=codec)
    part = settings(clip, from_=2.5, to=4) | {"video.path": str(tmp_path / out)}
    frames = list(Pipeline.parse("stages:\n- file\n- video", part))
    shown, sound = footage.times(tmp_path / out), heard(tmp_path / out)
    assert shown == pytest.approx([frame.time - 2.5 for frame in frames], abs=1e-3)
    assert sound[0] == pytest.approx(0, abs=0.06)
    assert sound[-1] == pytest.approx(1.5, abs=0.06)
    packets, whole = footage.sound(tmp_path / out), footage.sound(clip)
    whole = [packet[7:] for packet in whole] if name == "a.ts" else whole  # each behind a head of its own
    first = whole.index(packets[1])
    assert packets[1:] == whole[first : first + len(packets) - 1]
    with av.open(str(clip)) as container:
        told = [packet for packet in container.demux(audio=0) if packet.size][first]
        time = float((told.pts or 0) * told.time_base)
    assert sound[1] == pytest.approx(time - 2.5, abs=0.03)


def test_a_part_can_be_read_again(tmp_path: Path) -> None:
    frames = read(footage.make(tmp_path / "a.mp4", *CLIPS["a.mp4"]), from_=0.5, to=1.5, sample=5)
    assert frames[0].source.reopen
    again = list(frames[0].source.reopen())
    assert [(frame.index, frame.time) for frame in again] == [(frame.index, frame.time) for frame in frames]
    assert frames[0].source.length == len(frames) == 5


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.h264"])
def test_a_part_goes_on_where_it_was_ended(tmp_path: Path, name: str) -> None:
    clip = footage.make(tmp_path / name, *CLIPS[name], seconds=4)
    part = settings(clip, from_=0.7, to=3.5, sample=10)
    whole = settings(clip, from_=0.7, to=3.5, sample=10) | {"csv.path": str(tmp_path / "whole.csv")}
    list(Pipeline.parse("stages:\n- file\n- csv", whole))
    part |= {"csv.path": str(tmp_path / "out.csv")}
    first = Pipeline.parse("stages:\n- file\n- csv", part, keep=Wish(every=0.5))
    for frame in first:
        if frame.time > 2:
            first.stop()
    list(Pipeline.parse("stages:\n- file\n- csv", part, keep=Wish(every=0.5, resume=True)))
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_only_the_part_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, timed = footage.make(tmp_path / "a.mp4", *CLIPS["a.mp4"], seconds=8), list[float]()
    time = Clock.time
    monkeypatch.setattr(Clock, "time", lambda self, picture: timed.append(time(self, picture)) or timed[-1])
    assert len(read(clip, from_=6, to=6.4)) == 10
    assert 5.5 < min(timed) <= 6
