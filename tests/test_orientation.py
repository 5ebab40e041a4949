"""Videos and pictures come out as they are meant to be seen, mirrored or not."""

import itertools
from pathlib import Path

import av
import footage
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from fervid.pipeline import Pipeline
from fervid.stages.sources.decoding.orientation import AS_STORED, Orientation, of_matrix

FLIPS = [(), ("-display_hflip",), ("-display_vflip",), ("-display_hflip", "-display_vflip")]


def first(source: str, path: Path) -> np.ndarray:
    return next(iter(Pipeline.parse(f"stages:\n- {source}", {f"{source}.path": str(path)}))).image


def as_shown(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The first picture as ffmpeg shows it."""
    reader = imageio_ffmpeg.read_frames(str(path), pix_fmt="bgr24")
    next(reader)
    return np.frombuffer(next(reader), np.uint8).reshape(shape)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    return footage.make(path, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", seconds=0.08, size="64x48")


@pytest.mark.parametrize(("turn", "flip"), list(itertools.product((0, 90, 180, 270), FLIPS)))
def test_every_flip_of_every_turn_is_as_ffmpeg_shows_it(
    tmp_path: Path, plain: Path, turn: int, flip: tuple[str, ...]
) -> None:
    turned = tmp_path / "turned.mp4"
    footage.ffmpeg("-display_rotation", str(turn), *flip, "-i", str(plain), "-c", "copy", str(turned))
    image = first("file", turned)
    assert np.abs(image.astype(int) - as_shown(turned, image.shape)).mean() < 3


@pytest.mark.parametrize("told", ["rotate=90", "rotate=180", "rotate=270:flip=horizontal"])
def test_what_only_the_first_picture_tells_holds_for_those_behind_it(tmp_path: Path, plain: Path, told: str) -> None:
    filters = f"h264_mp4toannexb,h264_metadata=display_orientation=insert:{told}"
    stream = footage.ffmpeg("-i", str(plain), "-c", "copy", "-bsf:v", filters, str(tmp_path / "turned.h264"))
    images = [frame.image for frame in Pipeline.parse(f"stages:\n- file: {{path: {stream}}}")]
    assert len(images) == 2
    for image in images:
        assert np.abs(image.astype(int) - as_shown(stream, images[0].shape)).mean() < 9


def test_all_eight_ways_are_told_apart() -> None:
    matrices = [(a, 0, 0, d) for a, d in itertools.product((1, -1), repeat=2)]
    matrices += [(0, b, c, 0) for b, c in itertools.product((1, -1), repeat=2)]
    assert len({of_matrix(*matrix) for matrix in matrices}) == 8
    assert of_matrix(1, 0, 0, 1) == of_matrix(0, 0, 0, 0) == AS_STORED
    assert of_matrix(0, 65536, -65536, 0) == Orientation(turns=3)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("number", range(1, 9))
def test_exif_is_read_in_every_format(tmp_path: Path, ending: str, number: int) -> None:
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24], stored[:16, 24:], stored[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    picture, exif = Image.fromarray(stored), Image.Exif()
    exif[0x0112] = number
    quality = {"lossless": True} if ending == "webp" else {"quality": 100} if ending in ("jpg", "avif") else {}
    picture.save(tmp_path / f"a.{ending}", exif=exif, **quality)
    transpose = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # of Pillow, by the number in EXIF
    meant = picture.transpose(Image.Transpose(transpose[number])) if number > 1 else picture
    image = first("images", tmp_path / f"a.{ending}")
    assert image.shape == (meant.height, meant.width, 3)
    assert np.abs(image[:, :, ::-1].astype(int) - np.asarray(meant)).mean() < 12


def test_exif_that_is_none_turns_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    assert first("images", tmp_path / "a.jpg").shape == (20, 40, 3)


@pytest.mark.parametrize("name", ["mirror_h", "mirror_v", "mirror_90"])
def test_mirrored_recordings_are_as_players_show_them(cases: Path, name: str) -> None:
    image = first("file", cases / f"{name}.mp4")
    assert np.abs(image.astype(int) - as_shown(cases / f"{name}.mp4", image.shape)).mean() < 3


def test_frames_beside_which_there_is_exif_are_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32)).save(tmp_path / "a.jpg", exif=exif)
    clip = footage.ffmpeg("-i", str(tmp_path / "a.jpg"), "-c", "copy", str(tmp_path / "a.avi"))
    with av.open(str(clip)) as container:
        turned = next(container.decode(video=0)).rotation != 0
    assert first("file", clip).shape == ((48, 32, 3) if turned else (32, 48, 3))
