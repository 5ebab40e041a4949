"""Paint what is known about each face into the picture."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fervid.pipeline.frame import EMOTIONS, UNCERTAIN, Box, Face, Frame
from fervid.pipeline.stage import Stage, register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

Color = tuple[int, int, int]
Place = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels."""
WHITE: Color = (245, 245, 245)
COLORS: dict[str, Color] = {
    "angry": (0, 94, 213),
    "disgust": (115, 158, 0),
    "fear": (167, 121, 204),
    "happy": (66, 208, 240),
    "sad": (208, 135, 30),
    "surprise": (233, 180, 86),
    "neutral": (200, 200, 200),
    UNCERTAIN: (150, 150, 150),
}
"""BGR; the palette of Okabe and Ito, which people with every kind of colour vision can tell apart."""


class Scale(NamedTuple):
    """Sizes in pixels that follow the picture's height, so that text is as large at 4K as at 360p."""

    text: int
    line: int

    @classmethod
    def of(cls, image: Image) -> Scale:
        text = max(9, round(min(image.shape[0], image.shape[1]) / 38))
        return cls(text, max(1, round(text / 6)))


@register("draw")
@dataclass(frozen=True)
class Draw(Stage):
    """Boxes, ids, labels and the seven probabilities; a predicted face has a thin box without corners."""

    bars: bool = True
    """Show the seven probabilities beside each face."""
    keypoints: bool = False
    """Mark eyes, nose, mouth and ears."""

    needs = frozenset({"frames", "faces"})
    gives = frozenset({"image.changed"})

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        for frame in frames:
            self._paint(frame.image, frame.faces, Scale.of(frame.image))
            yield frame

    def _paint(self, image: Image, faces: list[Face], scale: Scale) -> None:
        taken = [_whole(face.box) for face in faces]
        for face in faces:
            color = COLORS[face.emotion] if face.emotion else WHITE
            _frame(image, face, color, scale)
            if self.keypoints and face.keypoints is not None:
                _dots(image, face.keypoints, color, scale)
            if title := _title(face):
                taken.append(_plate(image, title, face, color, scale))
        for face in faces:
            scores = face.emotions if face.smoothed is None else face.smoothed
            if self.bars and scores is not None:
                taken.append(_bars(image, face, scores.tolist(), scale, taken))


def _title(face: Face) -> str:
    words = [f"#{face.track}"] if face.track is not None else []
    if face.emotion:
        words.append(f"{face.emotion} {face.confidence or 0:.0%}")
    return "  ".join(words)


def _frame(image: Image, face: Face, color: Color, scale: Scale) -> None:
    """A thin box; a detected face's corners are strong."""
    import cv2

    x1, y1, x2, y2 = _whole(face.box)
    cv2.rectangle(image, (x1, y1), (x2, y2), color, max(1, scale.line // 2), cv2.LINE_AA)
    if face.status == "predicted":
        return
    reach = max(2, (x2 - x1) // 6)
    for x, y, right, down in ((x1, y1, 1, 1), (x2, y1, -1, 1), (x1, y2, 1, -1), (x2, y2, -1, -1)):
        cv2.line(image, (x, y), (x + right * reach, y), color, 2 * scale.line, cv2.LINE_AA)
        cv2.line(image, (x, y), (x, y + down * reach), color, 2 * scale.line, cv2.LINE_AA)


def _dots(image: Image, points: NDArray[np.float32], color: Color, scale: Scale) -> None:
    import cv2

    for x, y in points.tolist():
        cv2.circle(image, (round(x), round(y)), scale.line + 1, color, -1, cv2.LINE_AA)


def _plate(image: Image, title: str, face: Face, color: Color, scale: Scale) -> Place:
    """The title on a plate in the label's colour, above the box or, at the picture's edge, inside it."""
    width, height = _width(title, scale) + scale.text, round(1.7 * scale.text)
    x = _inside(round(face.box[0]), width, image.shape[1])
    above = round(face.box[1]) - height - scale.line
    y = above if above >= 0 else _inside(round(face.box[1]), height, image.shape[0])
    image[y : y + height, x : x + width] = color
    dark = 0.114 * color[0] + 0.587 * color[1] + 0.299 * color[2] < 110
    _write(image, title, (x + scale.text // 2, y + round(1.22 * scale.text)), WHITE if dark else (25, 25, 25), scale)
    return x, y, x + width, y + height


def _bars(image: Image, face: Face, scores: list[float], scale: Scale, taken: list[Place]) -> Place:
    """A row for each emotion, beside the face; in a crowd one stacked bar beneath it, so that no face is covered."""
    names, gap = max(_width(name, scale) for name in EMOTIONS), scale.text // 2
    width, height = names + 6 * scale.text + 3 * gap, round(1.35 * scale.text) * len(EMOTIONS) + gap
    x1, y1, x2, y2 = _whole(face.box)
    for x, y in ((x2 + gap, y1), (x1 - gap - width, y1), (x1, y2 + gap), (x2 + gap, y2 - height)):
        place = (x, y, x + width, y + height)
        if _free(place, image, taken):
            _rows(image[y : y + height, x : x + width], scores, names, scale)
            return place
    return _stack(image, (x1, y2 + scale.line, x2, y2 + scale.line + scale.text // 2), scores)


def _rows(panel: Image, scores: list[float], names: int, scale: Scale) -> None:
    import cv2

    cv2.convertScaleAbs(panel, panel, 0.3, 12)
    row, gap, bar, best = round(1.35 * scale.text), scale.text // 2, 6 * scale.text, max(scores)
    for number, (name, score) in enumerate(zip(EMOTIONS, scores, strict=True)):
        bottom = (number + 1) * row
        _write(panel, name, (gap, bottom - scale.line), WHITE if score == best else (185, 185, 185), scale)
        left, top = names + 2 * gap, bottom - round(0.8 * scale.text)
        panel[top:bottom, left : left + bar] = (70, 70, 70)
        panel[top:bottom, left : left + round(bar * score)] = COLORS[name]


def _stack(image: Image, place: Place, scores: list[float]) -> Place:
    """All seven in one bar; each one's length is its probability."""
    x1, y1, x2, y2 = place
    start = 0.0
    for name, score in zip(EMOTIONS, scores, strict=True):
        left, right = (max(0, round(x1 + share * (x2 - x1))) for share in (start, start + score))
        image[max(0, y1) : max(0, y2), left:right] = COLORS[name]
        start += score
    return place


def _free(place: Place, image: Image, taken: list[Place]) -> bool:
    x1, y1, x2, y2 = place
    inside = x1 >= 0 and y1 >= 0 and x2 <= image.shape[1] and y2 <= image.shape[0]
    return inside and not any(x1 < c and a < x2 and y1 < d and b < y2 for a, b, c, d in taken)


def _whole(box: Box) -> Place:
    x1, y1, x2, y2 = (round(edge) for edge in box)
    return x1, y1, x2, y2


def _inside(start: int, length: int, limit: int) -> int:
    return max(0, min(start, limit - length))


def _width(text: str, scale: Scale) -> int:
    import cv2

    return cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale.text / 22, _thickness(scale))[0][0]


def _write(image: Image, text: str, place: tuple[int, int], color: Color, scale: Scale) -> None:
    import cv2

    size = scale.text / 22
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, color, _thickness(scale), cv2.LINE_AA)


def _thickness(scale: Scale) -> int:
    return max(1, round(scale.text / 14))
