"""Paint what is known about each face into the picture."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fervid.pipeline.fact import CHANGED, FRAMES, Cell, Fact
from fervid.pipeline.frame import FACES, UNCERTAIN, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.picture import Place
from fervid.pipeline.roles import Shows
from fervid.pipeline.stage import Stage, register
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, UNREADABLE
from fervid.stages.faces.smooth import SMOOTHED
from fervid.stages.sinks.drawing import pieces
from fervid.stages.sinks.drawing.arrangement import Arrangement
from fervid.stages.sinks.drawing.colors import of_face
from fervid.stages.sinks.drawing.layout import whole
from fervid.stages.sinks.drawing.marks import Mark, Pasted, paint
from fervid.stages.sinks.drawing.outline import Dots, Outline
from fervid.stages.sinks.drawing.sprite import Sprite


@register("draw")
@dataclass(frozen=True)
class Draw(Stage):
    """Boxes, identities, labels and the seven probabilities; a predicted face has a dashed, paler box."""

    bars: bool = True
    """Show the seven probabilities, steadied if they are: a panel beside each face, in a crowd one bar under it."""
    scores: bool = True
    """Show the label's probability."""
    keypoints: bool = False
    """Mark eyes, nose, mouth and ears."""
    color: Literal["emotion", "track"] = "emotion"
    """What the colour of a box stands for."""

    show: Annotated[tuple[str, ...], Shows()] = ()
    """Columns that stand below each face's label, by the names that they have in the CSV: `[yaw, brightness]`."""

    needs = (FRAMES, FACES)
    gives = (CHANGED,)

    def run(self, frames: Frames) -> Generator[Frame]:
        arrangement = frames.keep(Arrangement())
        notes = Notes(frames.facts, self.show)
        for frame in frames:
            arrangement.fit(frame.picture.height, frame.picture.width)
            faces = sorted(filter(arrangement.shows, frame.faces), key=lambda face: face.box[2] - face.box[0])
            marks = [*self._outlines(faces, arrangement), *self._words(frame, faces[::-1], arrangement, notes)]
            paint(frame, marks)
            yield frame

    def _outlines(self, faces: Sequence[Face], arrangement: Arrangement) -> Iterator[Mark]:
        """Boxes, the nearest face's last."""
        for face in faces:
            color, size = of_face(face, self.color), arrangement.text(face)
            yield Outline(whole(face.box), color, size, dashed=face.status == "predicted")
            if self.keypoints and face.keypoints is not None:
                yield Dots(face.keypoints, color, size)

    def _words(self, frame: Frame, faces: Sequence[Face], arrangement: Arrangement, notes: Notes) -> Iterator[Mark]:
        """Labels and bars, over all boxes, so that none runs through them."""
        taken = [whole(face.box) for face in faces]
        scored = [face for face in faces if self.bars and _scores(face)]
        labels = self._labels(frame, faces, arrangement, taken, notes)
        panels = arrangement.beside(scored, taken + [place for _, place in labels], frame.time)
        if panels is None:
            strips = arrangement.below(scored)
            labels = self._labels(frame, faces, arrangement, taken + strips, notes)
            for face, place in zip(scored, strips, strict=True):
                yield pieces.Stack(place, _scores(face))
        for face, place in zip(scored, panels or [], strict=False):
            yield pieces.Panel(place, _scores(face), arrangement.size)
        for sprite, place in labels:
            yield Pasted(place, sprite)

    def _labels(
        self, frame: Frame, faces: Sequence[Face], arrangement: Arrangement, taken: list[Place], notes: Notes
    ) -> list[tuple[Sprite, Place]]:
        labels: list[tuple[Sprite, Place]] = []
        for face in faces:
            if wordings := self._wordings(face, arrangement.text(face), notes.of(frame, face)):
                others = [place for place in taken if place != whole(face.box)]
                labels.append(arrangement.label(face, wordings, others + [place for _, place in labels]))
        return labels

    def _wordings(self, face: Face, size: int, notes: tuple[str, ...]) -> list[Sprite]:
        """The label, and a shorter one for where it has no room."""
        read = face[EMOTION]
        if face.track is None and read is None and not notes:
            return []
        label, sure = (read.label, self.scores and read.label != UNCERTAIN) if read else ("", False)
        percent = f"{read.confidence:.0%}" if read and sure else ""
        color = of_face(face, self.color)
        return [pieces.label(face.track, label, words, color, size, notes) for words in dict.fromkeys((percent, ""))]


class Notes:
    """The columns that are shown of each face."""

    def __init__(self, facts: Sequence[Fact[Any]], shown: Sequence[str]) -> None:
        self._facts = [fact for fact in facts if any(column.name in shown for column in fact.columns)]
        self._shown = shown

    def of(self, frame: Frame, face: Face) -> tuple[str, ...]:
        """A line for each: its name and what is known, of the face or of the whole frame."""
        cells: dict[str, str] = {}
        for fact in self._facts:
            value = face[fact] if fact.of_faces else frame[fact]
            if value is not None:
                pairs = zip(fact.columns, fact.to_cells(value), strict=True)
                cells |= {column.name: f"{column.name} {_rounded(cell)}" for column, cell in pairs if cell is not None}
        return tuple(cells[name] for name in self._shown if name in cells)


def _rounded(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def _scores(face: Face) -> list[float]:
    """What bars show: nothing of a face that cannot be read."""
    if face[UNREADABLE]:
        return []
    scores = face[PROBABILITIES] if face[SMOOTHED] is None else face[SMOOTHED]
    return [] if scores is None else scores.tolist()
