"""The video sink: every frame at its own time, the sound bit for bit, whole or absent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import footage
import numpy as np
import pytest

from fervid.pipeline import Frame, Frames, Pipeline, Source
from fervid.pipeline.errors import ConfigError, OutputError
from fervid.stages.sinks.recording.sound import ENCODERS
from fervid.stages.sinks.video import Video

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


@pytest.mark.parametrize(
    ("suffix", "offset", "codec"),
    [
        ("mp4", "0", "aac"),
        ("mp4", "1.5", "aac"),
        ("mkv", "0", "aac"),
        ("mkv", "1.5", "aac"),
        ("mp4", "0", "libmp3lame"),
    ],
)
def test_the_sound_is_copied_bit_for_bit_and_keeps_its_place(
    tmp_path: Path, suffix: str, offset: str, codec: str
) -> None:
    options = ("-c:v", "libx264", "-c:a", codec, "-output_ts_offset", offset)
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
    return float((sound.time or 0) - (picture.time or 0))


@pytest.mark.parametrize(
    ("codec", "container", "suffix", "encoder"),
    [
        ("pcm_s16le", "mkv", ".mp4", "aac"),
        ("pcm_s24be", "mov", ".mp4", "aac"),
        ("mp2", "mpg", ".mp4", "aac"),
        ("libvorbis", "mkv", ".mp4", "aac"),
        ("pcm_bluray", "m2ts", ".mkv", "flac"),
        ("adpcm_ima_qt", "mov", ".mkv", "flac"),
        ("pcm_mulaw", "mkv", ".mkv", "flac"),
    ],
)
def test_sound_that_a_container_does_not_take_is_encoded_anew_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str, container: str, suffix: str, encoder: str
) -> None:
    stereo = ("-ar", "48000", "-ac", "2")
    options = ("-c:v", "mpeg2video", "-c:a", codec, *stereo)
    clip = footage.make(tmp_path / f"in.{container}", *options, sound=True)
    out = copy(clip, tmp_path / f"out{suffix}")
    assert f"sound is encoded anew as {encoder}, as players do not expect it in {suffix}" in caplog.text
    with av.open(str(out)) as made:
        (stream,) = made.streams.audio
        assert (stream.codec_context.name, stream.codec_context.channels) == (encoder, 2)
    assert tone(out) == pytest.approx(tone(clip), abs=3e-3)
    assert tone(out) == pytest.approx((tone(out)[0], tone(out)[0] + 2, 440), abs=0.04)


def test_sound_whose_channel_has_no_name_is_encoded_anew(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "mpeg2video", "-c:a", "tta", "-ac", "1", sound=True)
    assert tone(copy(clip, tmp_path / "out.mp4")) == pytest.approx(tone(clip), abs=3e-3)


def tone(path: Path) -> tuple[float, float, float]:
    """Seconds from the first picture to the first and to the last loud sample, and the frequency between them."""
    mono = av.AudioResampler("flt", "mono")
    with av.open(str(path)) as container:
        frames = [one for each in container.decode(audio=0) for one in mono.resample(each)]
    heard = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    loud = np.flatnonzero(np.abs(heard) > 0.01)
    begin, rate = float(frames[0].time or 0) - footage.times(path)[0], frames[0].sample_rate
    spectrum = np.abs(np.fft.rfft(heard[loud[0] :][:rate]))
    return begin + loud[0] / rate, begin + loud[-1] / rate, float(spectrum.argmax())


@pytest.mark.parametrize("codec", ["pcm_s16le", "mp2", "pcm_f32le", "libvorbis"])
def test_sound_that_a_container_takes_is_copied(tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", codec, sound=True)
    assert footage.sound(copy(clip, tmp_path / "out.mkv")) == footage.sound(clip)
    assert "sound" not in caplog.text


def test_sound_that_is_encoded_anew_keeps_its_pauses(tmp_path: Path) -> None:
    pause = ("-c:v", "libx264", "-c:a", "pcm_s16le", "-af", "aselect='not(between(t,0.5,1))'", "-ar", "44100")
    out = copy(footage.make(tmp_path / "in.mkv", *pause, sound=True), tmp_path / "out.mp4")
    with av.open(str(out)) as made:
        frames = list(made.decode(audio=0))
    loud = [float(frame.time or 0) for frame in frames if np.abs(frame.to_ndarray()).max() > 0.01]
    assert not [time for time in loud if 0.56 < time < 0.94]
    assert max(loud) > 1.9


def test_of_several_sounds_each_is_copied_or_encoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    both = ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-c:a:0", "pcm_s16le", "-c:a:1", "aac")
    clip = footage.make(tmp_path / "in.mov", *both, sound=True)
    out = copy(clip, tmp_path / "out.mp4")
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        assert [stream.codec_context.name for stream in after.streams.audio] == ["aac", "aac"]
        packets = [[bytes(one) for one in container.demux(audio=1) if one.size] for container in (before, after)]
    assert packets[0] == packets[1]
    assert "its pcm_s16le sound is encoded anew" in caplog.text


def test_of_several_sounds_those_that_fit_are_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As phones film: one sound that everyone plays, and one that nobody can decode."""
    twice = ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-c:a", "aac")
    clip = footage.make(tmp_path / "in.mp4", *twice, sound=True)
    blob = bytearray(clip.read_bytes())
    for box, other in ((b"mp4a", b"apac"), (b"esds", b"dapa")):
        second = blob.rindex(box)
        blob[second : second + 4] = other
    clip.write_bytes(blob)
    out = copy(clip, tmp_path / "out.mp4")
    assert "its unknown sound is left out, which players do not expect there" in caplog.text
    assert footage.sound(out) == footage.sound(clip)
    with av.open(str(out)) as container:
        assert len(container.streams.audio) == 1


@pytest.mark.parametrize("size", ["320x240", "480x270", "322x242"])
def test_pixels_that_nobody_changed_come_out_as_they_went_in(tmp_path: Path, size: str) -> None:
    clip = footage.make(tmp_path / "in.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", size=size, seconds=0.4)
    out = copy(clip, tmp_path / "out.mp4", crf=0)
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        for one, other in zip(before.decode(video=0), after.decode(video=0), strict=True):
            difference = np.abs(one.to_ndarray().astype(int) - other.to_ndarray().astype(int))
            assert difference.mean() < 1.5


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le", "yuv422p", "yuv444p"])
def test_colours_come_out_as_they_went_in_whatever_matrix_is_named(tmp_path: Path, layout: str) -> None:
    plain = f"format={layout},geq=lum={{0}}:cb={{1}}:cr={{2}}".format(
        *(value * (4 if "10" in layout else 1) for value in (120, 90, 190))
    )
    named = ("-x264-params", "colormatrix=bt709:colorprim=bt709:transfer=bt709")
    clip = footage.make(tmp_path / "in.mp4", "-vf", plain, "-c:v", "libx264", "-qp", "0", *named, seconds=0.2)
    with av.open(str(copy(clip, tmp_path / "out.mp4", crf=0))) as container:
        frame = next(container.decode(video=0))
        y, u, v = (float(plane.mean()) for plane in np.split(frame.to_ndarray().ravel(), [320 * 240, 320 * 300]))
    assert (y, u, v) == pytest.approx((120, 90, 190), abs=1.5)
    assert frame.colorspace == 1


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


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_pictures_larger_than_the_codec_holds_are_a_sentence(tmp_path: Path, codec: str) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((16, 17_000, 3), np.uint8))
    settings = {"images.path": str(tmp_path), "video.path": str(tmp_path / "out.mp4"), "video.codec": codec}
    with pytest.raises(OutputError, match=r"out\.mp4: holds pictures of at most \d+ pixels a side, not 17000 x 16"):
        list(Pipeline.parse("stages:\n  - images\n  - video", settings))
    assert [path.name for path in tmp_path.iterdir()] == ["wide.png"]


def test_pictures_that_lie_too_far_apart_are_a_sentence(tmp_path: Path) -> None:
    import cv2

    for number in range(60):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64, 3), 4 * number, np.uint8))
    settings = {"images.path": str(tmp_path), "images.fps": 0.0001, "video.path": str(tmp_path / "out.mp4")}
    with pytest.raises(OutputError, match="far apart"):
        list(Pipeline.parse("stages:\n  - images\n  - video", settings))


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


def test_sound_ends_where_a_stopped_run_ends(tmp_path: Path) -> None:
    options = ("-c:v", "libx264", "-c:a", "aac", "-output_ts_offset", "1.5")
    clip, out = footage.make(tmp_path / "in.mp4", *options, sound=True, seconds=4), tmp_path / "out.mp4"
    pipeline = Pipeline.parse(CHAIN, {"file.path": str(clip), "video.path": str(out)})
    for frame in pipeline:
        if frame.index == 20:
            pipeline.stop()
    partial = tmp_path / "out.partial.mp4"
    end = footage.times(partial)[-1] + 1 / 25
    with av.open(str(partial)) as container:
        last = [float((frame.time or 0) + frame.samples / frame.sample_rate) for frame in container.decode(audio=0)][-1]
    assert last == pytest.approx(end, abs=0.05)
    assert end < 4
    assert footage.sound(partial) == footage.sound(clip)[: len(footage.sound(partial))]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_quality_is_what_was_asked_for(tmp_path: Path, codec: str) -> None:
    clip = footage.make(tmp_path / "in.mp4")
    sizes = [copy(clip, tmp_path / f"{crf}.mp4", codec=codec, crf=crf).stat().st_size for crf in (15, 23, 31)]
    assert sizes[0] > 1.4 * sizes[1] > 1.9 * sizes[2]


def names(path: Path) -> tuple[int, int, int, int]:
    with av.open(str(path)) as container:
        of = container.streams.video[0].codec_context
        return int(of.colorspace), int(of.color_primaries), int(of.color_trc), int(of.color_range)


def test_colours_keep_their_names(tmp_path: Path) -> None:
    """9, 9, 16: BT.2020 and PQ, as phones film; 6, 1, 1: BT.601's matrix, of what was RGB; 1: limited range."""
    named = "-x264-params", "colormatrix=bt2020nc:colorprim=bt2020:transfer=smpte2084"
    clip = footage.make(tmp_path / "in.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", *named, seconds=0.2)
    assert names(copy(clip, tmp_path / "out.mp4")) == (9, 9, 16, 1)
    assert names(copy(footage.make(tmp_path / "in.gif", "-f", "gif", seconds=0.2), tmp_path / "gif.mp4")) == (
        6,
        1,
        1,
        1,
    )


def test_colours_are_those_of_the_track_that_is_read(tmp_path: Path) -> None:
    named = "-x264-params", "colormatrix=bt2020nc:colorprim=bt2020:transfer=smpte2084"
    plain = footage.make(tmp_path / "plain.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", seconds=0.2)
    phone = footage.make(tmp_path / "phone.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", *named, seconds=0.2)
    two = footage.ffmpeg(
        *("-i", str(plain), "-i", str(phone), "-map", "0", "-map", "1", "-c", "copy", str(tmp_path / "two.mkv"))
    )
    out = tmp_path / "out.mp4"
    for _ in Pipeline.parse(f"stages:\n- file: {{path: {two}, track: 2}}\n- video: {{path: {out}}}"):
        pass
    assert names(out) == (9, 9, 16, 1)


def test_the_index_stands_first_so_that_browsers_can_begin_at_once(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "in.mp4", "-c:v", "libx264", "-c:a", "aac", sound=True)
    for audio in (True, False):
        data = copy(clip, tmp_path / "out.mp4", audio=audio).read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_disk_that_is_full_when_the_sound_comes_keeps_the_pictures(tmp_path: Path, small_disk: Path) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", "pcm_s16le", sound=True, seconds=3)
    with pytest.raises(OutputError, match=r"out\.mkv: cannot be written: No space left on device"):
        copy(clip, small_disk / "out.mkv", crf=51)
    assert [path.name for path in small_disk.iterdir()] == ["out.partial.mkv"]
    assert len(footage.times(small_disk / "out.partial.mkv")) == 75


def test_sound_that_cannot_be_joined_costs_no_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", "pcm_s16le", sound=True)
    monkeypatch.setitem(ENCODERS, ".mp4", "nonsense")
    assert len(footage.times(copy(clip, tmp_path / "out.mp4"))) == 50
    assert "its sound could not be joined" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mp4"]


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
@pytest.mark.parametrize("size", [(1, 1), (17, 15)])
def test_strange_pictures_and_times(tmp_path: Path, codec: Literal["h264", "mpeg4"], size: tuple[int, int]) -> None:
    source, image = Source("strange", *size), np.zeros((size[1], size[0], 3), np.uint8)
    moments = [0.0, 0.0, 0.5, 0.4, 100.0, 100.001]
    frames = [Frame(index, time, image, source) for index, time in enumerate(moments)]
    assert list(Video(str(tmp_path / "out.mp4"), codec).run(Frames(frames))) == frames
    assert footage.times(tmp_path / "out.mp4") == pytest.approx([0, 0, 0.5, 0.5, 100, 100.001], abs=4e-5)


def test_a_name_that_is_not_utf8_keeps_its_sound(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "talk.mp4", seconds=0.2, sound=True)
    odd = clip.rename(os.fsdecode(os.fsencode(tmp_path) + b"/t\xffalk.mp4"))
    out = tmp_path / "out.mp4"
    list(Pipeline.parse("stages: [file, video]", {"file.path": str(odd), "video.path": str(out)}))
    assert footage.sound(out) == footage.sound(odd)


def test_a_limit_of_file_sizes_is_an_error_when_the_sound_comes(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "in.mkv", "-c:v", "libx264", "-c:a", "pcm_s16le", sound=True, seconds=3)
    code = """
import resource, sys
from fervid import Pipeline
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
list(Pipeline.parse("stages: [file, video]", {"file.path": sys.argv[1], "video.path": sys.argv[2], "video.crf": 51}))
"""
    command = [sys.executable, "-c", code, str(clip), str(tmp_path / "out.mkv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "OutputError" in done.stderr
    assert "out.mkv: cannot be written: File too large" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.partial.mkv"]
