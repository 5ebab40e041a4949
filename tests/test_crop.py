"""The face crop: exact where the picture already is a face, level where a face is tilted, smooth where it is large."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fervid.models.crop import Framing, box_of_face_image, crop, region
from fervid.pipeline.frame import Box

Picture = NDArray[np.uint8]


def noise(height: int, width: int, *channels: int) -> Picture:
    return np.random.default_rng(0).integers(0, 256, (height, width, *channels), np.uint8)


def face(tilt: float = 0.0, centre: tuple[float, float] = (320, 240)) -> tuple[Picture, Box, NDArray[np.float32]]:
    """A smooth blot of a face with its detector's box and keypoints, turned by `tilt` degrees around its centre."""
    upright = cv2.GaussianBlur(noise(480, 640, 3), (0, 0), 8).astype(np.float32)
    upright = ((upright - upright.mean()) * 8 + 128).clip(0, 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D(centre, -tilt, 1.0)
    eyes = np.array([[290, 220], [350, 220], [320, 245], [320, 270], [260, 230], [380, 230]], np.float32)
    x, y = centre
    return (
        cv2.warpAffine(upright, turn, (640, 480)).astype(np.uint8),
        (x - 60, y - 60, x + 60, y + 60),
        (eyes @ turn[:, :2].T + turn[:, 2]).astype(np.float32),
    )


@pytest.mark.parametrize("side", [24, 48, 64])
def test_a_face_picture_comes_back_bit_for_bit(side: int) -> None:
    grey = noise(side, side)
    box = box_of_face_image(side, side)
    assert np.array_equal(crop(grey, box, None, side), grey)
    assert np.array_equal(crop(np.dstack([grey] * 3), box, None, side), grey)


def test_the_region_is_a_seventh_larger_than_the_box_and_lies_a_little_higher() -> None:
    square = region((100, 100, 200, 200))
    assert (square.x, square.y, square.side, square.angle) == pytest.approx((150, 142, 115, 0))


def test_another_framing_is_obeyed() -> None:
    square = region((100, 100, 200, 200), framing=Framing(scale=2, up=0))
    assert (square.x, square.y, square.side) == pytest.approx((150, 150, 200))


def test_pixels_come_from_where_the_region_lies() -> None:
    picture = noise(300, 400, 3)
    part = cv2.cvtColor(picture[80:205, 88:213], cv2.COLOR_BGR2GRAY)
    assert np.array_equal(crop(picture, (100.5, 102.5, 200.5, 202.5), None, 125, Framing(1.25, 0.1)), part)


@pytest.mark.parametrize("tilt", [-40, -10, 25, 90, 180])
def test_a_tilted_face_is_turned_upright(tilt: float) -> None:
    upright = crop(*face(), 48).astype(int)
    image, box, keypoints = face(tilt)
    turned, as_it_is = (crop(image, box, keypoints, 48, Framing(align=align)) for align in (True, False))
    assert np.abs(upright - turned).mean() < 2
    assert np.abs(upright - as_it_is).mean() > 6


def test_eyes_too_close_to_tell_a_tilt_turn_nothing() -> None:
    keypoints = np.array([[100, 100], [101, 108], *[[100, 120]] * 4], np.float32)
    assert region((50, 50, 150, 150), keypoints).angle == 0


@pytest.mark.parametrize("side", [55, 96, 100, 250, 700])
def test_a_large_face_is_averaged_and_not_picked_from(side: int) -> None:
    """Lines one pixel wide become grey; picking every n-th of them would make them bands."""
    picture = np.zeros((1080, 1920, 3), np.uint8)
    picture[:, ::2] = 255
    box = (960 - side, 540 - side, 960 + side, 540 + side)
    made = crop(picture, box, None, 48)
    assert made.mean() == pytest.approx(127.5, abs=3)
    assert made.std() < 20


def test_a_small_picture_keeps_its_mean_when_enlarged() -> None:
    picture = noise(12, 12)
    made = crop(picture, box_of_face_image(12, 12), None, 48)
    assert made.shape == (48, 48)
    assert made.mean() == pytest.approx(picture.mean(), abs=3)


def test_beyond_the_picture_its_border_is_repeated() -> None:
    made = crop(np.full((100, 100, 3), 77, np.uint8), (-50, -50, 50, 50), None, 48)
    assert (made == 77).all()


def test_a_picture_that_is_not_square_is_seen_whole() -> None:
    picture = np.full((30, 60), 10, np.uint8)
    picture[:, :2] = picture[:, -2:] = 250
    made = crop(picture, box_of_face_image(60, 30), None, 60)
    assert (made[:, :2] == 250).all()
    assert (made[:, -2:] == 250).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 7, 3), (1080, 1920, 3)])
@pytest.mark.parametrize(
    "box", [(-500, -500, -100, -100), (3000, 2000, 9000, 9000), (5, 5, 5, 5), (-5000, -5000, 5000, 5000)]
)
def test_no_box_breaks_it(shape: tuple[int, ...], box: Box) -> None:
    assert crop(noise(*shape), box, None, 48).shape == (48, 48)


def test_the_same_crop_wherever_the_face_is() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    blob = cv2.GaussianBlur(noise(120, 120, 3), (0, 0), 4)
    made = []
    for x, y in ((100, 100), (301, 207)):
        here = picture.copy()
        here[y - 60 : y + 60, x - 60 : x + 60] = blob
        made.append(crop(here, (x - 48, y - 44, x + 48, y + 52), None, 48).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 2
