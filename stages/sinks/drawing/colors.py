"""A colour for each emotion and each identity, apart for every kind of colour vision."""

from __future__ import annotations

from fervid.pipeline.frame import UNCERTAIN, Face
from fervid.stages.faces.emotions import EMOTION

Color = tuple[int, int, int]
"""B, G, R."""

WHITE: Color = (255, 255, 255)
GREY: Color = (168, 168, 168)
DARK: Color = (28, 24, 22)
OF_EMOTION: dict[str, Color] = {
    "angry": (40, 98, 232),
    "disgust": (128, 172, 14),
    "fear": (186, 132, 214),
    "happy": (66, 222, 246),
    "sad": (226, 148, 44),
    "surprise": (30, 164, 240),
    "neutral": (214, 214, 214),
    UNCERTAIN: GREY,
}
"""The palette of Okabe and Ito, lightened a little so that it can be read on a dark plate."""


def of_face(face: Face, by: str) -> Color:
    """The colour of a face's box, by its emotion or its identity; a predicted face is paler."""
    if by == "track":
        palette = list(OF_EMOTION.values())[:6]
        color = WHITE if face.track is None else palette[face.track % len(palette)]
    else:
        read = face[EMOTION]
        color = OF_EMOTION.get(read.label, WHITE) if read else WHITE
    return color if face.status == "detected" else _mix(color, WHITE)


def _mix(one: Color, other: Color) -> Color:
    """Half way between two colours."""
    return (one[0] + other[0]) // 2, (one[1] + other[1]) // 2, (one[2] + other[2]) // 2
