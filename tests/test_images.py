"""The images source: a folder in natural order, upright, with what cannot be read counted."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fervid.pipeline import Frame, Pipeline, Run
from fervid.pipeline.errors import InputError


def read(path: Path | str, **options: float) -> list[Frame]:
    return run(path, **options)[0]


def run(path: Path | str, **options: float) -> tuple[list[Frame], Run]:
    settings = {"images.path": str(path), **{f"images.{key}": value for key, value in options.items()}}
    pipeline = Pipeline.parse("stages:\n  - images", settings)
    return list(pipeline), pipeline.run


def paint(path: Path, value: int, shape: tuple[int, int] = (20, 30)) -> None:
    cv2.imwrite(str(path), np.full((*shape, 3), value, np.uint8))


def test_pictures_come_in_natural_order_with_their_times(tmp_path: Path) -> None:
    for value, name in enumerate(["a1.png", "a2.png", "a10.png"]):
        paint(tmp_path / name, value)
    frames = read(tmp_path, fps=2)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2]
    assert [frame.time for frame in frames] == [0, 0.5, 1.0]
    assert frames[0].source.name == tmp_path.name
    assert frames[0].source.length == 3


def test_one_picture_gives_outputs_its_name(tmp_path: Path) -> None:
    paint(tmp_path / "group.v2.jpg", 1)
    assert read(tmp_path / "group.v2.jpg")[0].source.name == "group.v2"


def test_a_pattern_picks(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    paint(tmp_path / "b.jpg", 2)
    assert len(read(tmp_path / "*.jpg")) == 1


def test_what_is_no_picture_is_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path / "good.png", 1)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    frames, made = run(tmp_path)
    assert [frame.index for frame in frames] == [0]
    assert made.lost.damaged == 1
    assert "bad.jpg: cannot be read as a picture" in caplog.text


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert read(tmp_path)[0].image.shape == (40, 20, 3)


def test_a_picture_whose_file_is_huge_costs_itself_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path / "a.png", 1)
    paint(tmp_path / "b.png", 2)
    os.truncate(tmp_path / "b.png", 60 << 30)
    frames, made = run(tmp_path)
    assert (len(frames), made.lost.damaged) == (1, 1)
    assert "b.png: its 64.4 GB are more than fervid reads; passed over" in caplog.text


def test_a_picture_that_claims_to_be_huge_is_not_opened(tmp_path: Path) -> None:
    paint(tmp_path / "good.png", 1)
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    assert run(tmp_path)[1].lost.damaged == 1


def test_what_a_folder_holds_besides_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path / "a.png", 1)
    assert not caplog.text
    for name in ("b.HEIC", "c.heic", "d.avif2", "readme", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    assert len(read(tmp_path)) == 1
    assert f"{tmp_path}: 2 .heic, 1 .avif2, 1 folder, 1 without an ending passed over; " in caplog.text


def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", locked)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read(tmp_path)


def test_nothing_to_read_is_a_sentence(tmp_path: Path) -> None:
    for path, words in [(tmp_path, "holds no picture"), (tmp_path / "none", "no such folder")]:
        with pytest.raises(InputError, match=words):
            read(path)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of its 1 pictures can be read"):
        read(tmp_path)


def test_one_picture_is_read_whatever_its_name(tmp_path: Path) -> None:
    paint(tmp_path / "a[1].png", 7)
    frames = read(tmp_path / "a[1].png")
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [7]


def test_sizes_may_differ(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1, (20, 30))
    paint(tmp_path / "b.png", 1, (50, 40))
    assert [frame.image.shape for frame in read(tmp_path)] == [(20, 30, 3), (50, 40, 3)]


def test_grey_deep_and_transparent_pictures_become_bgr(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.full((4, 4, 3), 90 * 257, np.uint16))
    cv2.imwrite(str(tmp_path / "c.png"), np.full((4, 4, 4), 90, np.uint8))
    for frame in read(tmp_path):
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (4, 4, 3)
        assert (frame.image == 90).all()


def test_a_row_says_which_picture_it_is_of(tmp_path: Path) -> None:
    for name in ("2.png", "10.png"):
        paint(tmp_path / name, 1)
    (tmp_path / "3.png").write_bytes(b"no picture")
    assert [frame.name for frame in read(tmp_path)] == ["2.png", "10.png"]
    settings = {"images.path": str(tmp_path), "csv.path": str(tmp_path / "out.csv")}
    list(Pipeline.parse("stages:\n  - images\n  - csv", settings))
    rows = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["2.png", "10.png"]


def test_reading_again_gives_the_same_frames_and_counts_nothing_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for value, name in enumerate(("1.png", "3.png")):
        paint(tmp_path / name, value)
    (tmp_path / "2.png").write_bytes(b"no picture")
    frames, made = run(tmp_path)
    caplog.clear()
    source = frames[0].source
    assert source.reopen
    for first, second in zip(frames, source.reopen(), strict=True):
        assert (first.index, first.time) == (second.index, second.time)
        np.testing.assert_array_equal(first.image, second.image)
    assert made.lost.damaged == 1
    assert not caplog.text


def frames_of(count: int, mode: str = "RGB") -> list[Image.Image]:
    return [
        Image.new(mode, (32, 24), 40 * (number + 1) if mode == "L" else (40 * (number + 1),) * 3)
        for number in range(count)
    ]


@pytest.mark.parametrize(("name", "count"), [("a.webp", 2), ("a.gif", 3), ("a.png", 4), ("a.tif", 3), ("a.avif", 2)])
def test_all_pictures_of_an_animation_are_read(tmp_path: Path, name: str, count: int) -> None:
    first, *others = frames_of(count)
    timed = {} if name == "a.tif" else {"duration": 250}
    lossless = {"lossless": True} if name == "a.webp" else {}
    first.save(tmp_path / name, save_all=True, append_images=others, **timed, **lossless)
    frames = read(tmp_path / name)
    assert [round(int(frame.image[5, 5, 0]) / 40) for frame in frames] == list(range(1, count + 1))
    pace = 0.25 if timed else 1.0
    assert [frame.time for frame in frames] == pytest.approx([pace * number for number in range(count)])
    assert frames[0].source.length == count
    paint(tmp_path / "z.bmp", 9)
    beside = read(tmp_path)
    assert [frame.name for frame in beside] == [name] * count + ["z.bmp"]
    assert [frame.time for frame in beside] == list(range(count + 1))


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.png"])
@pytest.mark.parametrize(("told", "times"), [([100, 0, 200, 50], [0, 0.1, 0.2, 0.4]), ([0] * 4, [0, 0.1, 0.2, 0.3])])
def test_a_picture_that_is_shown_for_no_time_is_shown_as_long_as_browsers_do(
    tmp_path: Path, name: str, told: list[int], times: list[float]
) -> None:
    first, *others = frames_of(4)
    first.save(tmp_path / name, save_all=True, append_images=others, duration=told)
    assert [frame.time for frame in read(tmp_path / name)] == pytest.approx(times)


def test_small_copies_and_previews_are_no_pictures_of_their_own(tmp_path: Path) -> None:
    first, copy = frames_of(2)
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "a.tif", save_all=True, append_images=[copy])
    assert len(read(tmp_path / "a.tif")) == 1
    first.save(tmp_path / "b.jpg", format="MPO", save_all=True, append_images=[copy])
    assert len(read(tmp_path / "b.jpg")) == 1


def test_animations_among_the_cases(cases: Path) -> None:
    assert len(read(cases / "two.webp")) == 2
    assert read(cases / "exif6.webp")[0].image.shape == (334, 500, 3)


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.ppm", "a.pgm", "a.jp2", "a.avif", "a.jpx", "a.JPG"])
def test_less_usual_endings_are_read(tmp_path: Path, name: str) -> None:
    frames_of(1, "L" if name == "a.pgm" else "RGB")[0].save(tmp_path / name)
    assert int(read(tmp_path)[0].image[0, 0, 0]) == pytest.approx(40, abs=2)


def test_what_else_lies_in_a_folder_is_counted_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path / "a.png", 1)
    for name in ("b.heic", "c.HEIC", "d.mov", ".hidden", "README"):
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "more").mkdir()
    assert len(read(tmp_path)) == 1
    assert "2 .heic, 1 .mov, 1 folder, 1 without an ending passed over" in caplog.text


def test_a_picture_of_a_phone_under_another_name_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(tmp_path / "a.png", 1)
    (tmp_path / "b.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(500))
    assert run(tmp_path)[1].lost.damaged == 1
    assert "b.jpg: is HEIC, which is not read here; save it as JPEG; passed over" in caplog.text


@pytest.mark.parametrize("name", ["b.png", "b.jpg", "b.tif", "b.webp", "b.bmp", "b.gif"])
def test_a_file_that_lies_about_its_size_costs_itself(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for good in ("a.png", "c.png"):
        paint(tmp_path / good, 1)
    frames_of(1)[0].save(tmp_path / name)
    with (tmp_path / name).open("r+b") as file:
        file.truncate(60 << 30)
    frames, made = run(tmp_path)
    assert [frame.name for frame in frames] == ["a.png", "c.png"]
    assert made.lost.damaged == 1
    assert f"{name}: its 64.4 GB are more than fervid reads; passed over" in caplog.text


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.ico"])
def test_formats_whose_reading_starts_programs_are_not_opened(tmp_path: Path, name: str) -> None:
    frames_of(1)[0].save(tmp_path / name)
    (tmp_path / name).rename(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="none of its 1 pictures can be read"):
        read(tmp_path)


def test_deep_pictures_of_tiff_keep_their_brightness(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.full((4, 4), 90 * 257, np.uint16))
    cv2.imwrite(str(tmp_path / "b.tif"), np.full((4, 4, 3), 90 * 257, np.uint16))
    assert {int(frame.image.max()) for frame in read(tmp_path)} == {90}


def test_the_run_is_another_one_once_a_picture_of_a_pattern_changes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paint(tmp_path / folder / "1.png", 1)
    pattern = str(tmp_path / "*" / "*.png")
    before = run(pattern)[1].notes["images"]
    assert run(pattern)[1].notes["images"] == before
    paint(tmp_path / "b" / "1.png", 2)
    after = run(pattern)[1].notes["images"]
    assert before["count"] == after["count"] == 2
    assert before["sha256"] != after["sha256"]
