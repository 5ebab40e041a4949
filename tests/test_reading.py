"""Faces of one picture in the order in which one reads."""

from __future__ import annotations

import numpy as np
import pytest

from fervid.pipeline import Face, Frame, Frames, Source
from fervid.pipeline.frame import Box
from fervid.stages.faces.track import Track
from fervid.stages.faces.tracking.reading import in_reading_order

GREY = np.full((720, 1280, 3), 128, np.uint8)


def grid(rows: int, columns: int, share: float, jitter: float, seed: int) -> list[Box]:
    """Faces of a gallery in its order: each fills a share of its tile's height, and sits off its middle."""
    chance, boxes = np.random.default_rng(seed), []
    height, width = 720 / rows, 1280 / columns
    for row in range(rows):
        for column in range(columns):
            size = height * share * chance.uniform(0.8, 1.2)
            x, y = (column + 0.5) * width, (row + 0.5 + chance.uniform(-jitter, jitter)) * height
            boxes.append((x - size / 2, y - size / 2, x + size / 2, y + size / 2))
    return boxes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("rows", "columns", "share", "jitter"),
    [(5, 5, 0.4, 0.12), (5, 5, 0.7, 0.15), (3, 3, 0.4, 0.12), (2, 2, 0.5, 0.15), (7, 7, 0.35, 0.1), (1, 6, 0.3, 0.15)],
)
def test_a_gallery_is_read_row_by_row(rows: int, columns: int, share: float, jitter: float, seed: int) -> None:
    boxes = grid(rows, columns, share, jitter, seed)
    mixed = np.random.default_rng(seed).permutation(len(boxes))
    shuffled = [boxes[number] for number in mixed]
    assert [shuffled[number] for number in in_reading_order(shuffled)] == boxes


def test_ids_are_given_in_that_order_also_to_faces_that_are_doubtful_at_first() -> None:
    boxes = grid(5, 5, 0.4, 0.12, 1)
    later = [(1000.0, 400.0, 1040.0, 440.0), (500.0, 395.0, 540.0, 435.0)]
    found = [boxes[::-1], *[[*boxes[::2], *boxes[1::2], *later]] * 20]
    doubtful = {*boxes[3::4], later[1]}
    source = Source("gallery", 1280, 720)
    frames = [
        Frame(number, number / 25, GREY, source, [Face(box, 0.6 if box in doubtful else 0.9) for box in each])
        for number, each in enumerate(found)
    ]
    made = list(Track().run(Frames(frames)))
    assert [(face.track, face.box) for face in made[0].faces] == list(enumerate(boxes, 1))
    assert [(face.track, face.box) for face in made[1].faces[-2:]] == [(26, later[1]), (27, later[0])]


def test_nothing_and_one_are_in_order() -> None:
    assert in_reading_order([]) == []
    assert in_reading_order([(0, 0, 1, 1)]) == [0]
