"""Tell where a picture was replaced by another: at a cut, and in a tile of a meeting that shows someone else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from fervid.pipeline.frame import Box
from fervid.pipeline.picture import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Grey: TypeAlias = "NDArray[np.uint8]"
Floats: TypeAlias = "NDArray[np.float32]"

COPY = 160, 90
"""Width and height of the grey copy of a picture, whatever its size."""
WHOLE, PLACE = (32, 18), (16, 16)
"""Width and height at which pictures, and places in them, are compared."""
SHIFT = 2
"""Pixels by which the camera may have moved meanwhile, at that size."""
ANOTHER = 0.3, 0.6
"""1 - NCC of grey values and of edges: a picture is another one where both are higher."""
THERE, THERE_LATER = (0.25, 0.45), (0.35, 0.5)
"""The same of the place of a face: in 0.12 s one person changed it by 0.15 and 0.35 at most, in a second by 0.44 and
0.72; 646 of 648 strangers by more than THERE."""
EVERYWHERE = 0.34
"""And half of the pixels change by so much of the contrast at least: for strangers 0.36 and more, for people who walk
past each other 0.27, as what is behind them stays."""
AROUND, LEAST = 2.0, 8
"""A face's place is so many times its box, and at least so many pixels of the copy."""
FLAT = 4.0
"""Grey levels of deviation below which there is nothing to compare: black between two shots, the end of a fade."""
GLARE, BLINDED = 250, 0.5
"""Grey value that hides what is there, and the share of a picture that a flash blinds."""
FLASH = 0.5
"""Seconds that one lasts at most."""
SWITCHED = 3
"""Times FLAT: what had less contrast before it turned flat has only faded."""
SHOWN = 0.25
"""The share of pixels that must be left to compare."""
SUDDEN = 0.15
"""Seconds between two pictures up to which another one is a cut; in a longer time people may as well have moved."""


class Change(NamedTuple):
    """Two pictures, one after the other, `seconds` apart."""

    before: Grey
    now: Grey
    seconds: float

    @property
    def cut(self) -> bool:
        """Whether the whole picture is another one."""
        return _another(self.before, self.now, WHOLE, ANOTHER)

    @property
    def sudden(self) -> bool:
        """Whether nobody can have moved far between them."""
        return self.seconds <= SUDDEN

    def still(self, box: Box) -> bool:
        """Whether nothing changed where a face was: beside slides that change, say. The box is as below."""
        rows, columns = _place(box)
        return _alike(self.before[rows, columns], self.now[rows, columns])

    def around(self, box: Box) -> bool:
        """Whether another picture is where a face was. The box is in shares of the picture."""
        rows, columns = _place(box)
        limits = THERE if self.sudden else THERE_LATER
        return _another(self.before[rows, columns], self.now[rows, columns], PLACE, limits)


@dataclass(slots=True)
class Scene:
    """The last picture that another can be compared with."""

    last: Grey | None = None
    time: float = -math.inf
    """When that was, in seconds."""

    def show(self, picture: Picture, time: float) -> Change | None:
        """Take the next picture; return it beside the last, or None where it shows nothing or there is none."""
        now, last, seconds = _copy(picture), self.last, time - self.time
        if _deviation(now) < FLAT or (last is not None and seconds < FLASH and _blinding(last, now)):
            return None
        self.last, self.time = now, time
        return None if last is None else Change(last, now, seconds)


def _copy(picture: Picture) -> Grey:
    """Picked from the picture rather than averaged, so that it costs the same at every size."""
    return picture.grey(size=COPY)


def _deviation(grey: Grey) -> float:
    import cv2

    return float(cv2.meanStdDev(grey)[1][0, 0])


def _blinding(last: Grey, now: Grey) -> bool:
    import numpy as np

    return int(np.count_nonzero((now >= GLARE) & (last < GLARE))) > BLINDED * now.size


def _place(box: Box) -> tuple[slice, slice]:
    """Rows and columns of the copy around a box, as far as the picture goes."""
    x1, y1, x2, y2 = box
    return _span(y1, y2, COPY[1]), _span(x1, x2, COPY[0])


def _span(first: float, last: float, length: int) -> slice:
    middle, half = (first + last) / 2 * length, max((last - first) * length * AROUND, LEAST) / 2
    begin = min(max(round(middle - half), 0), length - LEAST)
    return slice(begin, max(min(round(middle + half), length), begin + LEAST))


def _alike(before: Grey, now: Grey) -> bool:
    """Whether they differ by less than half of their contrast; then 1 - NCC is below 0.25."""
    import cv2

    return cv2.norm(before, now) < _deviation(before) / 2 * math.sqrt(before.size)


def _another(before: Grey, now: Grey, size: tuple[int, int], limits: tuple[float, float]) -> bool:
    """Whether grey values and edges correlate too little. What has turned flat was switched off, if it is not glare."""
    import cv2
    import numpy as np

    contrast = _deviation(before)
    if contrast < FLAT or _alike(before, now):
        return False
    if _deviation(now) < FLAT:
        return contrast > SWITCHED * FLAT and float(now.mean()) < GLARE
    a, b = (cv2.resize(one, size, interpolation=cv2.INTER_AREA).astype(np.float32) for one in (before, now))
    if float(np.median(cv2.absdiff(a, b))) < EVERYWHERE * float(a.std()):
        return False
    shown = np.asarray(cv2.max(a, b) < GLARE, np.float32)
    if float(shown.mean()) < SHOWN or 1 - _correlation(a, b, shown) <= limits[0]:
        return False
    return 1 - _correlation(_edges(a), _edges(b), cv2.erode(shown, np.ones((3, 3)))) > limits[1]  # type: ignore[arg-type]


def _edges(grey: Floats) -> Floats:
    import cv2

    return cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))  # type: ignore[return-value]


def _correlation(a: Floats, b: Floats, shown: Floats) -> float:
    """Normalised cross-correlation (NCC) of what is shown, at the best shift."""
    import cv2
    import numpy as np

    inside = slice(SHIFT, -SHIFT)
    part, mask = a[inside, inside], shown[inside, inside]
    found = cv2.matchTemplate(b, part, cv2.TM_CCOEFF_NORMED, mask=mask)
    return float(np.nan_to_num(found, posinf=0.0, neginf=0.0).max())
