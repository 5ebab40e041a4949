"""What a stage remembers becomes plain data and comes back the same, with who knows whom."""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fervid.pipeline import Column, Face, Fact, Frame, Source
from fervid.pipeline.memory import NotPlainError, Reader, Writer

GAZE: Fact[float] = Fact("faces.gaze_probe", "gaze", (Column("gaze_probe", "where it looks", "degrees"),))
ODD: Fact[object] = Fact("faces.odd_probe", "odd things", cells=lambda _: ())


@dataclass(eq=False)
class Part:
    """Knows its whole."""

    whole: Whole
    size: float = 0.0


@dataclass(eq=False)
class Whole:
    """Knows its parts."""

    parts: list[Part] = field(default_factory=list)
    newest: Part | None = None


class Counting:
    """Is no dataclass, and says itself what of it is kept."""

    def __init__(self) -> None:
        self.count, self.lock = 0, object()

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.count = kept["count"]


def again(old: Any, new: Any) -> Any:
    return Reader(__name__).fill(new, json.loads(json.dumps(Writer().write(old))))


@pytest.mark.parametrize(
    "value",
    [
        {1: "a", 2.5: None, "x": True, (1, "y"): [1, (2, 3)]},
        {"least": -math.inf, "set": {1, 2}, "deep": {"er": [{}, []]}},
        {"half": Fraction(1, 3), "when": datetime(2026, 1, 2, tzinfo=UTC), "counts": Counter(a=2)},
    ],
)
def test_plain_data_comes_back_the_same(value: dict[Any, Any]) -> None:
    assert again(value, {"old": 1}) == value


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "int64", "bool"])
def test_arrays_come_back_bit_for_bit(kind: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(kind)
    (back,) = again([array], [])
    assert back.dtype == array.dtype
    assert (back == array).all()
    back[0, 0] = 1  # and can be written to


def test_a_number_of_numpy_stays_one() -> None:
    (back,) = again([np.float32(0.1)], [])
    assert type(back) is np.float32
    assert back == np.float32(0.1)


def test_a_bounded_queue_stays_bounded() -> None:
    assert again(deque([1, 2, 3], maxlen=3), deque(maxlen=3)).maxlen == 3


def test_who_knows_whom_stays() -> None:
    whole = Whole()
    whole.parts = [Part(whole, 1.5), Part(whole, 2.5)]
    whole.newest = whole.parts[1]
    back = again(whole, Whole())
    assert back.newest is back.parts[1]
    assert back.parts[0].whole is back
    assert [part.size for part in back.parts] == [1.5, 2.5]


def test_what_is_there_already_is_filled() -> None:
    """So that a stage may know a part of its memory by another name."""
    new = Whole()
    parts = new.parts
    again(Whole([Part(Whole(), 3.0)]), new)
    assert [part.size for part in parts] == [3.0]


def test_an_object_may_say_itself_what_is_kept() -> None:
    old, new = Counting(), Counting()
    old.count = 7
    lock = new.lock
    again([old], [])
    assert again({"it": old}, {"it": new})["it"].count == 7
    assert new.lock is lock


def test_a_face_comes_back_with_its_facts() -> None:
    face = Face((0.1, 0, 1, 1), 0.5, np.ones((6, 2), np.float32), 3, "predicted", {GAZE: 0.25})
    (back,) = again(deque([face]), deque())
    assert (back.box, back.score, back.track, back.status, back[GAZE]) == ((0.1, 0, 1, 1), 0.5, 3, "predicted", 0.25)


def test_a_frame_comes_back_without_its_picture() -> None:
    frame = Frame(5, 0.5, np.zeros((4, 4, 3), np.uint8), Source("talk", 4, 4), [Face((0, 0, 1, 1), 0.5)])
    (back,) = again([frame], [])
    assert (back.index, back.time, back.faces[0].score, back.image.size) == (5, 0.5, 0.5, 0)


@pytest.mark.parametrize("odd", [object(), lambda: 1, open, Whole(newest=Part(print))])  # type: ignore[arg-type]
def test_what_is_no_plain_data_is_named(odd: Any) -> None:
    with pytest.raises(NotPlainError, match="no plain data"):
        Writer().write([odd])


def test_no_class_is_made_that_the_stage_does_not_know() -> None:
    data = {"id": 0, "list": [{"id": 1, "of": "Popen", "state": {"args": "true"}}]}
    with pytest.raises(ValueError, match="no class 'Popen'"):
        Reader(__name__).fill([], data)
