"""Where the labels and panels of a picture's faces go, calm from one frame to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fervid.pipeline.frame import Face
from fervid.pipeline.picture import Place, Size
from fervid.stages.sinks.drawing import pieces
from fervid.stages.sinks.drawing.layout import (
    choose,
    label_places,
    overlap,
    panel_places,
    strip_place,
    whole,
)
from fervid.stages.sinks.drawing.sprite import Sprite

CALM = 1.0
"""Seconds that a picture keeps stacked bars after the last frame that had no room for panels."""


@dataclass
class Arrangement:
    """Finds places, and remembers by track which of them each face had."""

    size: int = 0
    """Of the text, in pixels."""
    bounds: Size = (0, 0)
    """Of the picture."""
    labels: dict[int | None, int] = field(default_factory=dict)
    panels: dict[int | None, int] = field(default_factory=dict)
    crowded: float = float("-inf")
    """Time until which stacked bars stay."""

    def fit(self, height: int, width: int) -> None:
        """Choose the text's size for a picture: readable at 360 lines, not shouting at 4K."""
        self.bounds, self.size = (width, height), round(6 + 0.019 * min(height, width))

    def shows(self, face: Face) -> bool:
        """Whether any of the face is within the picture."""
        return overlap(whole(face.box), (0, 0, *self.bounds)) > 0

    @property
    def gap(self) -> int:
        """Pixels between a box and what belongs to it."""
        return max(2, self.size // 4)

    def text(self, face: Face) -> int:
        """Size of a face's label: smaller on a small face."""
        return min(self.size, max(10, round((face.box[2] - face.box[0]) / 5)))

    def label(self, face: Face, wordings: Sequence[Sprite], taken: Sequence[Place]) -> tuple[Sprite, Place]:
        """The first wording that covers nothing but its own face, or the last one, and its place."""
        own = whole(face.box)
        for sprite in wordings:
            places = label_places(own, sprite.size, self.gap, self.bounds)
            number, covered = choose(places, [own, *taken], self.labels.get(face.track, 0))
            if covered <= overlap(places[number], own):
                break
        self.labels[face.track] = number
        return sprite, places[number]

    def beside(self, faces: Sequence[Face], taken: Sequence[Place], time: float) -> list[Place] | None:
        """A place for the panel of each face; None if one would cover something or dwarf its face, or lately did."""
        sprite, placed = pieces.panel(self.size), list[Place]()
        for face in faces:
            box = whole(face.box)
            places = panel_places(box, sprite.size, 2 * self.gap, self.bounds)
            number, covered = choose(places, [*taken, *placed], self.panels.get(face.track, 0))
            if covered or sprite.size[1] > 2 * (box[3] - box[1]):
                self.crowded = time + CALM
                return None
            self.panels[face.track] = number
            placed.append(places[number])
        return placed if time >= self.crowded else None

    def below(self, faces: Sequence[Face]) -> list[Place]:
        """A place for the stacked bar of each face."""
        return [strip_place(whole(face.box), max(3, self.text(face) // 2), self.gap, self.bounds) for face in faces]
