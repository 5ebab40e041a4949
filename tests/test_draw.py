"""The picture: what is painted in which colour, what stays untouched, and that things keep still."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fervid.models.reading import Emotion
from fervid.pipeline import EMOTIONS, Face, Frame, Frames, Pipeline, Source
from fervid.pipeline.errors import ConfigError
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES
from fervid.stages.faces.smooth import SMOOTHED
from fervid.stages.sinks.draw import Draw
from fervid.stages.sinks.drawing.colors import OF_EMOTION
from fervid.stages.sinks.drawing.layout import choose, label_places, panel_places, strip_place

GREY = 120
Image = NDArray[np.uint8]


def scores(**known: float) -> NDArray[np.float32]:
    return np.array([known.get(name, 0.0) for name in EMOTIONS], np.float32)


def face(*box: float, track: int | None = 1, **known: float) -> Face:
    known = known or {"happy": 0.5, "sad": 0.25, "neutral": 0.25}
    label, read = max(known, key=lambda name: known[name]), scores(**known)
    made = Face((box[0], box[1], box[2], box[3]), 0.9, track=track)
    made[PROBABILITIES], made[EMOTION] = read, Emotion.of(label, read)
    return made


def paint(*faces: Face, size: tuple[int, int] = (640, 360), **options: object) -> Image:
    return film([list(faces)], size, **options)[0]


def film(pictures: list[list[Face]], size: tuple[int, int] = (640, 360), **options: object) -> list[Image]:
    source = Source("grey", *size)
    frames = (
        Frame(index, index / 10, np.full((size[1], size[0], 3), GREY, np.uint8), source, faces)
        for index, faces in enumerate(pictures)
    )
    return [frame.image for frame in Draw(**options).run(Frames(frames))]  # type: ignore[arg-type]


def count(image: Image, color: tuple[int, int, int]) -> int:
    return int((image == np.array(color, np.uint8)).all(axis=2).sum())


def changed(image: Image) -> NDArray[np.bool_]:
    return np.asarray((image != GREY).any(axis=2))


def test_it_needs_faces() -> None:
    with pytest.raises(ConfigError, match="draw: needs faces; put detect before it"):
        Pipeline.parse("stages:\n  - demo\n  - draw")


def test_a_picture_without_faces_is_left_alone() -> None:
    assert not changed(paint()).any()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_box_has_the_colour_of_the_emotion(emotion: str) -> None:
    one = face(200, 100, 320, 220)
    one[EMOTION] = Emotion.of(emotion, scores())
    image = paint(one)
    for y, x in ((100, 260), (219, 260), (160, 200), (160, 319)):
        assert tuple(image[y, x]) == OF_EMOTION[emotion]
    assert not changed(image)[106:214, 206:314].any()


def test_a_face_that_nobody_read_has_a_white_box_and_its_number() -> None:
    one = Face((200, 100, 320, 220), 0.9, track=7)
    image = paint(one)
    assert tuple(image[100, 260]) == (255, 255, 255)
    assert changed(image)[70:96, 200:240].any()
    assert not changed(image)[:, 330:].any()


def test_a_predicted_face_has_dashes() -> None:
    one = face(200, 100, 320, 220)
    one.status = "predicted"
    top = changed(paint(one, bars=False))[101, 215:305]
    assert 0.3 < top.mean() < 0.7
    assert 4 <= np.count_nonzero(np.diff(top.astype(int)) == 1) <= 8


def test_tracks_may_have_the_colours() -> None:
    one, other = (paint(face(200, 100, 320, 220, track=track), color="track")[100, 260] for track in (1, 2))
    assert tuple(one) != tuple(other)


@pytest.mark.parametrize("height", [360, 1080])
def test_a_bar_is_as_long_as_its_probability(height: int) -> None:
    unit = height / 360
    box = tuple(unit * edge for edge in (200, 100, 320, 220))
    full, half = (
        paint(face(*box, angry=1 - sad, sad=sad), size=(height * 16 // 9, height), color="track") for sad in (1.0, 0.5)
    )
    assert count(half, OF_EMOTION["sad"]) == pytest.approx(count(full, OF_EMOTION["sad"]) / 2, rel=0.05)
    assert count(full, OF_EMOTION["sad"]) > 200 * unit**1.5
    assert count(full, OF_EMOTION["angry"]) < 100 * unit


def test_the_steadied_probabilities_are_shown_if_there_are() -> None:
    one = face(200, 100, 320, 220, angry=1.0)
    one[SMOOTHED] = scores(sad=1.0)
    assert count(paint(one, color="track"), OF_EMOTION["sad"]) > 200


def test_bars_and_scores_can_be_left_out() -> None:
    one = face(200, 100, 320, 220)
    whole, without_bars = changed(paint(one)).sum(), changed(paint(one, bars=False)).sum()
    assert whole > without_bars + 5000
    assert without_bars > changed(paint(one, bars=False, scores=False)).sum() + 200


def test_keypoints_are_marked() -> None:
    one = face(200, 100, 320, 220)
    one.keypoints = np.array([[230, 140], [290, 140], [260, 165], [260, 190], [205, 145], [315, 145]], np.float32)
    assert tuple(paint(one, keypoints=True)[165, 260]) == OF_EMOTION["happy"]
    assert tuple(paint(one)[165, 260]) == (GREY,) * 3


@pytest.mark.parametrize(
    "box", [(-50, -50, 90, 90), (560, 280, 700, 420), (5, 5, 635, 355), (300, 150, 306, 156), (-80, -80, -5, -5)]
)
def test_every_place_can_be_painted(box: tuple[float, ...]) -> None:
    image = paint(face(*box))
    outside = box[2] < 0
    assert changed(image).any() != outside


def test_no_face_is_covered_in_a_crowd() -> None:
    boxes = [(x, y, x + 70, y + 70) for x in (40, 160, 280, 400, 520) for y in (60, 220)]
    image = paint(*(face(*box, track=number) for number, box in enumerate(boxes)))
    for x1, y1, x2, y2 in boxes:
        assert not changed(image)[y1 + 6 : y2 - 6, x1 + 6 : x2 - 6].any()
        assert tuple(image[y2 + 5, x1 + 10]) == OF_EMOTION["happy"]


def test_stacked_bars_stay_for_a_second_so_that_nothing_flickers() -> None:
    alone, near = face(200, 100, 320, 220), face(325, 100, 445, 220, track=2)
    between = face(75, 100, 195, 220, track=3)
    pictures = film([[alone], [alone, near, between, face(200, 225, 320, 345)], *([alone] for _ in range(12))])
    panels = [bool(changed(image)[110:200, 330:420].all()) for image in pictures]
    assert panels[0]
    assert panels[2:11] == [False] * 9
    assert panels[12:] == [True] * 2


def test_a_panel_keeps_its_side() -> None:
    """It moves left where the right has no room, and stays there when the face comes back."""
    pictures = film([[face(x, 100, x + 120, 220)] for x in (300, 480, 300)])
    right = [bool(changed(image)[120:180, 430:440].all()) for image in pictures]
    left = [
        bool(changed(image)[120:180, x - 30 : x - 20].all()) for image, x in zip(pictures, (300, 480, 300), strict=True)
    ]
    assert (right[0], right[2]) == (True, False)
    assert left == [False, True, True]


def test_choose_takes_the_first_that_covers_least_and_keeps_what_was_good() -> None:
    places = [(0, 0, 10, 10), (10, 0, 20, 10), (20, 0, 30, 10)]
    assert choose(places, [], 0) == (0, 0)
    assert choose(places, [], 2) == (2, 0)
    assert choose(places, [(0, 0, 12, 10)], 0) == (2, 0)
    assert choose(places, [(0, 0, 12, 10), (20, 0, 30, 10)], 0) == (1, 20)


def test_places_are_within_the_picture() -> None:
    for box in ((-30, -30, 40, 40), (600, 330, 700, 400), (0, 0, 640, 360), (100, 100, 200, 200)):
        for place in [
            *label_places(box, (110, 22), 3, (640, 360)),
            *panel_places(box, (130, 110), 6, (640, 360)),
            strip_place(box, 6, 3, (640, 360)),
        ]:
            assert 0 <= place[0] < place[2] <= 640
            assert 0 <= place[1] < place[3] <= 360


def test_the_label_stands_above_its_box_where_there_is_room() -> None:
    assert label_places((100, 100, 200, 200), (80, 20), 4, (640, 360))[0] == (100, 76, 180, 96)
    assert label_places((100, 10, 200, 200), (80, 20), 4, (640, 360))[0] == (100, 204, 180, 224)


def test_a_small_face_has_a_small_label() -> None:
    small, large = (changed(paint(face(200, 100, 200 + side, 100 + side), bars=False))[:98].sum() for side in (40, 120))
    assert small < 0.8 * large
