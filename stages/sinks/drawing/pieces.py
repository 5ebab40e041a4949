"""The words and bars of a face: its label, the panel of probabilities, and the stacked bar that fits a crowd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fervid.pipeline.frame import EMOTIONS
from fervid.pipeline.picture import Place
from fervid.stages.sinks.drawing.colors import DARK, GREY, OF_EMOTION, WHITE, Color
from fervid.stages.sinks.drawing.marks import moved
from fervid.stages.sinks.drawing.sprite import Sprite, glyphs, paste, plate, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


@lru_cache(maxsize=256)
def label(
    track: int | None, emotion: str, percent: str, color: Color, size: int, notes: tuple[str, ...] = ()
) -> Sprite:
    """Identity, emotion and probability on a plate with a stripe in the box's colour; notes on lines below."""
    words = [(f"#{track}", GREY, False)] if track is not None else []
    words += [(emotion, color, True)] if emotion else []
    words += [(percent, WHITE, False)] if percent else []
    gap, height, stripe = round(size * 0.5), round(size * 1.7), max(2, round(size / 4))
    widths = [glyphs(text, size, bold).shape[1] for text, _, bold in words]
    small, first = max(9, round(size * 0.82)), height if words else 0
    notes_width = max((glyphs(note, small).shape[1] for note in notes), default=0)
    line = round(small * 1.4)
    across = max(sum(widths) + gap * (len(words) + 1), notes_width + 2 * gap)
    sprite = plate(stripe + across, first + line * len(notes), size // 4)
    sprite.ink[:, :stripe] = color
    sprite.keep[:, :stripe] = 0
    x = stripe + gap
    for text, tint, bold in words:
        x = write(sprite, text, x, height // 2, size, tint, bold=bold) + gap
    for number, note in enumerate(notes):
        write(sprite, note, stripe + gap, first + number * line + line // 2, small, WHITE)
    return sprite


class _Measures(NamedTuple):
    """Of a panel, in pixels."""

    text: int
    pad: int
    row: int
    names: int
    bar: int
    half: int
    """Half the height of a bar."""

    def middle(self, number: int) -> int:
        return self.pad + number * self.row + self.row // 2

    @property
    def left(self) -> int:
        """Where the bars begin."""
        return 2 * self.pad + self.names


@lru_cache(maxsize=8)
def _measures(size: int) -> _Measures:
    text = max(9, round(size * 0.82))
    names = max(glyphs(name, text).shape[1] for name in EMOTIONS)
    return _Measures(text, round(size * 0.55), round(size * 1.12), names, round(size * 4.5), max(2, round(size * 0.24)))


@lru_cache(maxsize=8)
def panel(size: int) -> Sprite:
    """The plate of the probabilities: the names, and a pale bar for each."""
    of = _measures(size)
    sprite = plate(of.left + of.bar + of.pad, 2 * of.pad + len(EMOTIONS) * of.row, size // 3)
    for number, name in enumerate(EMOTIONS):
        width, middle = glyphs(name, of.text).shape[1], of.middle(number)
        write(sprite, name, of.pad + of.names - width, middle, of.text, (225, 225, 225))
        sprite.ink[middle - of.half : middle + of.half, of.left : of.left + of.bar] += 40
    return sprite


@dataclass(frozen=True)
class Panel:
    """The seven probabilities on their plate."""

    place: Place
    scores: list[float]
    size: int
    """Of the text."""

    def paint(self, image: Image, left: int, top: int) -> None:
        x, y = self.place[0] - left, self.place[1] - top
        paste(image, panel(self.size), x, y)
        of = _measures(self.size)
        begin = x + of.left
        for number, (name, score) in enumerate(zip(EMOTIONS, self.scores, strict=True)):
            middle = y + of.middle(number)
            image[middle - of.half : middle + of.half, begin : begin + round(of.bar * score)] = OF_EMOTION[name]


@dataclass(frozen=True)
class Stack:
    """One bar, divided among the emotions, with a dark edge."""

    bar: Place
    scores: list[float]

    @property
    def place(self) -> Place:
        x1, y1, x2, y2 = self.bar
        return x1 - 1, y1 - 1, x2 + 1, y2 + 1

    def paint(self, image: Image, left: int, top: int) -> None:
        x1, y1, x2, y2 = moved(self.bar, left, top)
        image[max(0, y1 - 1) : y2 + 1, max(0, x1 - 1) : x2 + 1] = DARK
        begin, done = x1, 0.0
        for name, score in zip(EMOTIONS, self.scores, strict=True):
            done += score
            end = x1 + round((x2 - x1) * min(1.0, done))
            image[y1:y2, begin:end] = OF_EMOTION[name]
            begin = end
