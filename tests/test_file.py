"""The file source: what is in a video arrives, at its own times, and what is not a video is a sentence."""

import os
import stat
from pathlib import Path

import av
import footage
import numpy as np
import pytest

from fervid.pipeline import Frame, Pipeline, Run
from fervid.pipeline.errors import InputError


def read(path: Path) -> list[Frame]:
    return run(path)[0]


def run(path: Path) -> tuple[list[Frame], Run]:
    pipeline = Pipeline.parse("stages:\n  - file", {"file.path": str(path)})
    return list(pipeline), pipeline.run


def test_times_are_the_containers(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.mp4")
    frames = read(clip)
    assert [frame.index for frame in frames] == list(range(50))
    assert [frame.time for frame in frames] == footage.times(clip)
    source = frames[0].source
    assert (source.name, source.width, source.height, source.fps, source.length) == ("a", 320, 240, 25, 50)


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    drop = "select='not(mod(n\\,3))+gt(n\\,25)'"
    clip = footage.make(tmp_path / "vfr.mp4", "-vf", drop, "-fps_mode", "vfr", "-c:v", "libx264")
    gaps = np.diff([frame.time for frame in read(clip)])
    assert gaps[:5] == pytest.approx([0.12] * 5, abs=1e-4)
    assert gaps[-5:] == pytest.approx([0.04] * 5, abs=1e-4)


def test_a_start_offset_is_kept(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "late.mkv", "-c:v", "libx264", "-output_ts_offset", "1.5")
    assert read(clip)[0].time == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_phone_video_comes_out_upright(tmp_path: Path, degrees: int) -> None:
    plain = footage.make(tmp_path / "plain.mp4", "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")
    turned = footage.ffmpeg(
        "-display_rotation", str(degrees), "-i", str(plain), "-c", "copy", str(tmp_path / "turned.mp4")
    )
    upright, image = read(plain)[0].image, read(turned)[0].image
    np.testing.assert_array_equal(image, np.rot90(upright, degrees // 90))


@pytest.mark.parametrize(
    ("aspect", "shape"), [("16/11", (240, 465)), ("10/11", (264, 320)), ("1/1", (240, 320)), ("99/1", (240, 320))]
)
def test_pixels_that_are_not_square_are_stretched_as_players_do(
    tmp_path: Path, aspect: str, shape: tuple[int, int]
) -> None:
    clip = footage.make(tmp_path / "tape.mp4", "-vf", f"setsar={aspect}", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    frame = read(clip)[0]
    assert frame.image.shape == (*shape, 3)
    assert (frame.source.height, frame.source.width) == shape


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("odd.mp4", "321x241", ("-vf", "scale=321:241", "-c:v", "libx264", "-pix_fmt", "yuv444p")),
        ("hevc10.mp4", "320x240", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")),
        ("av1.mkv", "320x240", ("-c:v", "libsvtav1", "-preset", "12")),
        ("vp9.webm", "320x240", ("-c:v", "libvpx-vp9", "-deadline", "realtime")),
        ("mjpeg.avi", "320x240", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
        ("moving.gif", "320x240", ("-f", "gif")),
    ],
)
def test_other_encodings(tmp_path: Path, name: str, size: str, options: tuple[str, ...]) -> None:
    frames = read(footage.make(tmp_path / name, *options, size=size))
    reference = read(footage.make(tmp_path / "reference.mp4", "-c:v", "libx264", "-qp", "0", size="320x240"))
    width, height = map(int, size.split("x"))
    assert len(frames) == 50
    assert frames[0].image.shape == (height, width, 3)
    if size == "320x240":
        difference = np.abs(frames[0].image.astype(int) - reference[0].image.astype(int))
        assert difference.mean() < 25


def test_damage_in_the_middle_is_passed_over_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = footage.make(tmp_path / "a.mp4", "-c:v", "libx264", "-g", "10")
    blob = bytearray(clip.read_bytes())
    middle = len(blob) // 2
    blob[middle : middle + 3000] = bytes(3000)
    clip.write_bytes(blob)
    frames, made = run(clip)
    assert 30 <= len(frames) <= 50
    assert frames[-1].time == pytest.approx(1.96, abs=0.01)
    assert made.lost.damaged > 0
    assert "damaged" in caplog.text


def test_a_video_that_was_cut_short_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = footage.make(tmp_path / "a.mp4", "-c:v", "libx264", "-g", "10", "-movflags", "+faststart")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    frames, made = run(clip)
    assert 20 <= len(frames) <= 40
    assert made.lost.cut == "truncated"
    assert f"{len(frames)} of 50 frames" in caplog.text


def test_an_avi_with_repeated_pictures_is_whole_until_it_is_cut(tmp_path: Path) -> None:
    gap = ("-vf", "select='lt(n,20)+gt(n,35)'", "-fps_mode", "vfr", "-c:v", "mjpeg")
    clip = footage.make(tmp_path / "a.avi", *gap)
    assert run(clip)[1].lost.cut is None
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 8 // 10])
    assert run(clip)[1].lost.cut == "truncated"


def test_every_whole_picture_before_a_cut_arrives(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.mp4", "-c:v", "libx264", "-g", "25", "-bf", "2", "-movflags", "+faststart")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    with av.open(str(clip)) as container:
        whole = sum(packet.size > 0 and not packet.is_corrupt for packet in container.demux(video=0))
    assert len(read(clip)) == whole


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.flv"])
def test_a_cut_shows_where_only_the_length_is_known(tmp_path: Path, name: str) -> None:
    codec = ("-c:v", "libvpx-vp9", "-deadline", "realtime") if name == "a.webm" else ("-c:v", "libx264")
    clip = footage.make(tmp_path / name, *codec, "-pix_fmt", "yuv420p", seconds=4, sound=name != "a.webm")
    assert run(clip)[1].lost.cut is None
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert run(clip)[1].lost.cut == "truncated"


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.asf", "wmv2")])
def test_a_late_clock_is_no_cut(tmp_path: Path, name: str, codec: str) -> None:
    clip = footage.make(tmp_path / name, "-c:v", codec, "-pix_fmt", "yuv420p", "-output_ts_offset", "50")
    assert run(clip)[1].lost.cut is None


def test_a_cut_shows_where_the_clock_is_late(tmp_path: Path) -> None:
    late = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-output_ts_offset", "50")
    clip = footage.make(tmp_path / "a.mkv", *late, seconds=4)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert run(clip)[1].lost.cut == "truncated"


def test_what_a_container_loses_without_a_word_is_seen_in_the_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = footage.make(tmp_path / "a.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "10", seconds=4)
    blob = bytearray(clip.read_bytes())
    middle = len(blob) // 2
    blob[middle : middle + 6000] = bytes(6000)
    clip.write_bytes(blob)
    frames, made = run(clip)
    assert len(frames) < 100
    assert made.lost.missing == 100 - len(frames)
    assert f"room for {100 - len(frames)} more frames" in caplog.text


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_picture_that_comes_out_with_faults_counts_as_damaged(tmp_path: Path, name: str) -> None:
    """Decoders patch small damage without a word."""
    clip = footage.make(tmp_path / name, *(("-c:v", "mpeg4") if name == "a.avi" else ("-c:v", "libx264", "-g", "10")))
    assert run(clip)[1].lost.damaged == 0
    with av.open(str(clip)) as container:
        large = max((packet for packet in container.demux(video=0) if packet.size), key=lambda packet: packet.size)
        place = (large.pos or 0) + large.size // 2
    blob = bytearray(clip.read_bytes())
    blob[place : place + 40] = bytes(40)
    clip.write_bytes(blob)
    frames, made = run(clip)
    assert (len(frames), made.lost.damaged > 0) == (50, True)


@pytest.mark.parametrize("name", ["a.avi", "a.h264"])
def test_times_grow_where_the_container_has_none(tmp_path: Path, name: str) -> None:
    clip = footage.make(tmp_path / name, "-c:v", "libx264", "-bf", "3", "-pix_fmt", "yuv420p")
    assert [frame.time for frame in read(clip)] == pytest.approx([index / 25 for index in range(50)])


def timed(path: Path, rule: str) -> Path:
    """Fifty frames whose times in 1/25 s an expression of ffmpeg changes."""
    return footage.make(path, "-c:v", "mjpeg", "-bsf:v", f"setts=ts={rule}".replace(",", "\\,"))


def test_a_frame_that_the_container_puts_before_the_last_follows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = [frame.time for frame in read(timed(tmp_path / "a.mkv", "TS-3*between(N,21,22)"))]
    assert times[19:24] == pytest.approx([0.76, 0.8, 0.801, 0.802, 0.92])
    assert "2 frames have no time that follows the last" in caplog.text


def test_a_clock_that_was_set_back_goes_on(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.ts", "-c:v", "mpeg2video", "-bf", "0")
    clip.write_bytes(clip.read_bytes() * 2)
    times = np.array([frame.time for frame in read(clip)])
    assert times - times[0] == pytest.approx(np.arange(100) / 25)


def test_frames_that_an_edit_left_out_are_not_missing(clips: Path) -> None:
    assert run(clips / "no_face.mp4")[1].lost.cut is None


def test_reading_again_gives_the_same_frames(tmp_path: Path) -> None:
    frames = read(footage.make(tmp_path / "a.mp4"))
    reopen = frames[0].source.reopen
    assert reopen is not None
    for first, second in zip(frames, reopen(), strict=True):
        assert first.time == second.time
        np.testing.assert_array_equal(first.image, second.image)


def test_damage_is_counted_once_however_often_it_is_read(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.mp4", "-c:v", "libx264", "-g", "10")
    blob = bytearray(clip.read_bytes())
    blob[len(blob) // 2 : len(blob) // 2 + 3000] = bytes(3000)
    clip.write_bytes(blob)
    frames, made = run(clip)
    damaged, source = made.lost.damaged, frames[0].source
    assert damaged
    assert source.reopen
    assert list(source.reopen())
    assert made.lost.damaged == damaged


@pytest.mark.parametrize("extent", ["pc", "tv"])
def test_grey_is_as_grey_whatever_range_the_file_has(tmp_path: Path, extent: str) -> None:
    grey = ("-vf", f"drawbox=t=fill:c=0x202020,scale=out_range={extent}", "-color_range", extent)
    codec = ("-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", "-deadline", "realtime")
    clip = footage.make(tmp_path / "grey.webm", *grey, *codec, seconds=0.2)
    assert read(clip)[0].image.mean() == pytest.approx(32, abs=1.5)


def test_no_video_is_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    (tmp_path / "empty.mp4").touch()
    tone = footage.ffmpeg("-f", "lavfi", "-i", "sine=duration=1", str(tmp_path / "tone.m4a"))
    os.mkfifo(tmp_path / "pipe.mp4")
    cover = footage.ffmpeg("-f", "lavfi", "-i", "testsrc2", "-frames:v", "1", str(tmp_path / "cover.png"))
    song = ["-i", str(tone), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy", "-disposition:v", "attached_pic"]
    noise = footage.make(tmp_path / "noise.mp4", "-c:v", "mjpeg")
    noise.write_bytes(_scramble(noise.read_bytes()))
    picture = footage.ffmpeg("-f", "lavfi", "-i", "testsrc2", "-frames:v", "1", str(tmp_path / "photo.JPG"))
    beheaded = footage.make(tmp_path / "beheaded.mp4")
    beheaded.write_bytes(beheaded.read_bytes()[:4000])
    foreign = footage.make(tmp_path / "foreign.mp4", "-c:v", "libx264")
    foreign.write_bytes(foreign.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    said = {
        tmp_path / "missing.mp4": "no such file",
        tmp_path / "empty.mp4": "is empty",
        text: "no video",
        tone: "holds no video, only audio",
        footage.ffmpeg(*song, str(tmp_path / "song.m4a")): "holds no video, only audio",
        noise: "none of its pictures can be decoded",
        Path("a\0.mp4"): "is no file name",
        tmp_path / "pipe.mp4": "is no ordinary file",
        tmp_path: "is a folder; `fervid batch` reads its videos, `images` its pictures",
        beheaded: "index is missing",
        foreign: "in a format that cannot be decoded here",
        picture: "is a picture; the `images` source reads pictures",
    }
    for path, words in said.items():
        with pytest.raises(InputError, match=words) as error:
            read(path)
        assert str(error.value).count("\n") == 0


def _scramble(blob: bytes) -> bytes:
    """The same file with its pictures gone and its index kept."""
    start = blob.index(b"mdat") + 4
    end = blob.index(b"moov") - 4
    return blob[:start] + bytes(end - start) + blob[end:]


@pytest.mark.parametrize(
    ("keeps", "words"),
    [(0, "ends before its first picture; it was cut short"), (200, "none of its pictures can be decoded: all of them")],
)
def test_a_recording_that_was_cut_short_is_not_called_too_large(tmp_path: Path, keeps: int, words: str) -> None:
    whole = footage.make(tmp_path / "a.mp4", "-c:v", "libx264", "-movflags", "+faststart").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: whole.index(b"mdat") + 4 + keeps])
    with pytest.raises(InputError, match=words) as error:
        read(tmp_path / "a.mp4")
    assert "8192" not in str(error.value)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    side = (16000).to_bytes(2, "little") * 2
    bomb = tmp_path / "bomb.gif"
    bomb.write_bytes(b"GIF89a" + side + b"\x80" + bytes(8) + b"," + bytes(4) + side + b"\0\2\2\x44\1\0;")
    with pytest.raises(InputError, match="8192 x 8192"):
        read(bomb)


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    footage.make(tmp_path / "secret.ts", "-c:v", "libx264")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        read(playlist)
    concat = tmp_path / "concat.mp4"
    concat.write_text("ffconcat version 1.0\nfile secret.ts\n")
    with pytest.raises(InputError):
        read(concat)


def test_a_name_that_looks_like_a_url_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    footage.make(tmp_path / "plain.mp4").rename(tmp_path / "concat:-a.mp4")
    assert len(read(Path("concat:-a.mp4"))) == 50


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "a.mp4")
    clip.chmod(stat.S_IWUSR)
    with pytest.raises(InputError, match="permission"):
        read(clip)
