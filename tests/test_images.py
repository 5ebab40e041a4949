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
    told = "passed over what is no picture by its name: 2 .heic, 1 .avif2, 1 without ending\n"
    assert f"{tmp_path}: {told}" in caplog.text
    assert f"its folders are passed over; the pattern '{tmp_path}/**/*' takes pictures in them too" in caplog.text


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
