"""Paint what is known about each face into the picture."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from fervid.pipeline.frame import UNCERTAIN, Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, register
from fervid.stages.sinks.drawing import pieces
from fervid.stages.sinks.drawing.arrangement import Arrangement
from fervid.stages.sinks.drawing.colors import of_face
from fervid.stages.sinks.drawing.layout import Place, whole
from fervid.stages.sinks.drawing.outline import dots, outline
from fervid.stages.sinks.drawing.sprite import Sprite, paste


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

    needs = frozenset({"frames", "faces"})
    gives = frozenset({"image.changed"})

    def run(self, frames: Frames) -> Generator[Frame]:
        arrangement = Arrangement()
        for frame in frames:
            arrangement.fit(*frame.image.shape[:2])
            faces = sorted(filter(arrangement.shows, frame.faces), key=lambda face: face.box[2] - face.box[0])
            self._outline(frame, faces, arrangement.size)
            self._explain(frame, faces[::-1], arrangement)
            yield frame

    def _outline(self, frame: Frame, faces: Sequence[Face], size: int) -> None:
        """Boxes, the nearest face's last."""
        for face in faces:
            color = of_face(face, self.color)
            outline(frame.image, whole(face.box), color, size, dashed=face.status == "predicted")
            if self.keypoints and face.keypoints is not None:
                dots(frame.image, face.keypoints, color, size)

    def _explain(self, frame: Frame, faces: Sequence[Face], arrangement: Arrangement) -> None:
        """Labels and bars, over all boxes, so that none runs through them."""
        taken = [whole(face.box) for face in faces]
        scored = [face for face in faces if self.bars and _scores(face)]
        labels = self._labels(faces, arrangement, taken)
        panels = arrangement.beside(scored, taken + [place for _, place in labels], frame.time)
        if panels is None:
            strips = arrangement.below(scored)
            labels = self._labels(faces, arrangement, taken + strips)
            for face, place in zip(scored, strips, strict=True):
                pieces.stack(frame.image, place, _scores(face))
        for face, place in zip(scored, panels or [], strict=False):
            paste(frame.image, pieces.panel(arrangement.size), *place[:2])
            pieces.fill(frame.image, place, _scores(face), arrangement.size)
        for sprite, place in labels:
            paste(frame.image, sprite, *place[:2])

    def _labels(
        self, faces: Sequence[Face], arrangement: Arrangement, taken: list[Place]
    ) -> list[tuple[Sprite, Place]]:
        labels: list[tuple[Sprite, Place]] = []
        for face in faces:
            if wordings := self._wordings(face, arrangement.text(face)):
                others = [place for place in taken if place != whole(face.box)]
                labels.append(arrangement.label(face, wordings, others + [place for _, place in labels]))
        return labels

    def _wordings(self, face: Face, size: int) -> list[Sprite]:
        """The label, and a shorter one for where it has no room."""
        if face.track is None and not face.emotion:
            return []
        sure = self.scores and face.confidence is not None and face.emotion != UNCERTAIN
        percent = f"{face.confidence:.0%}" if sure else ""
        color, emotion = of_face(face, self.color), face.emotion or ""
        return [pieces.label(face.track, emotion, words, color, size) for words in dict.fromkeys((percent, ""))]


def _scores(face: Face) -> list[float]:
    scores = face.emotions if face.smoothed is None else face.smoothed
    return [] if scores is None else scores.tolist()
