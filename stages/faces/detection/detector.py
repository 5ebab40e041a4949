"""What `detect` searches a frame with: networks in a runtime, and the rule of a range."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fervid.pipeline.errors import ModelError
from fervid.pipeline.frame import Face
from fervid.pipeline.picture import Picture
from fervid.stages.faces.detection.blazeface import FULL_FLOOR
from fervid.stages.faces.detection.both import Both, Rhythm
from fervid.stages.faces.detection.geometry import moved
from fervid.stages.faces.detection.judge import Judge
from fervid.stages.faces.detection.letterbox import find, small_copy
from fervid.stages.faces.detection.litert import Networks
from fervid.stages.faces.detection.mediapipe_faces import Finder, full_range, short_range
from fervid.stages.faces.detection.wide import Far, Wide

if TYPE_CHECKING:
    from fervid.stages.faces.detection.geometry import Image

Near = Callable[["Image", float, Rhythm], list[Face]]
"""Faces in shares of a small copy (RGB), at a time in seconds."""
Range = Literal["auto", "short", "full", "far"]
Runtime = Literal["auto", "litert", "mediapipe"]
SMALLEST = 12.0
"""Pixels of the picture that a face must be wide for `far`, and in a picture that stands alone."""
DOUBTFUL = 0.7
"""Below, a face of the small copy must prove itself where no other picture will show it again."""
FAR_NEEDS = "`range: far` needs LiteRT: use `runtime: litert`, or `auto`, and `pip install ai-edge-litert`"


@dataclass
class Memory:
    """What a search remembers from frame to frame."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    far: Far = field(default_factory=Far)


@dataclass(frozen=True)
class Detector:
    """Finds the faces of frames in their order; boxes are in pixels."""

    runtime: str
    near: Near
    networks: Networks | None
    """What looks for far faces, if anything does."""
    smallest: float | None
    """Pixels of the narrowest of them; None for a share of the picture."""
    min_score: float

    def find(self, picture: Picture, time: float, memory: Memory, *, alone: bool = False) -> list[Face]:
        """Faces of a picture; one that stands `alone` is looked over closely, for there is no other."""
        if alone and self.networks:
            return self._once(picture, self.networks)
        faces = self._near(picture, time, memory.rhythm)
        if self.networks:
            faces = Wide(self.networks, self.smallest, memory.far).find(picture, time, faces)
        return self._sure(faces)

    def _once(self, picture: Picture, networks: Networks) -> list[Face]:
        """No other picture will tell what is doubtful here, so that is looked at alone."""
        judge = Judge(networks)
        near = self._near(picture, 0.0, Rhythm())
        near = [face for face in near if face.score >= DOUBTFUL or judge.accept(picture, face)]
        return self._sure(Wide(networks, SMALLEST).find(picture, 0.0, near))

    def _near(self, picture: Picture, time: float, rhythm: Rhythm) -> list[Face]:
        shown = self.near(small_copy(picture), time, rhythm)
        return [moved(face, 1, (0, 0), (1 / picture.width, 1 / picture.height)) for face in shown]

    def _sure(self, faces: list[Face]) -> list[Face]:
        return [face for face in faces if face.score >= self.min_score]


def chosen(runtime: Runtime) -> str:
    """The fastest that is installed, where nobody chose."""
    if runtime == "auto":
        return "litert" if find_spec("ai_edge_litert") else "mediapipe"
    return runtime


@contextmanager
def open_detector(range_: Range, runtime: Runtime, min_score: float, model: Path | None) -> Iterator[Detector]:
    """Load what a range needs.

    Raises:
        ModelError: the runtime, or a network, is not where it should be.
    """
    name = chosen(runtime)
    wide, full_score = range_ in ("auto", "far"), max(min_score, FULL_FLOOR)
    with ExitStack() as stack:
        networks = Networks(model) if name == "litert" else None
        if range_ == "far" and not networks:
            raise ModelError(FAR_NEEDS)
        if networks:
            short: Finder = partial(find, networks.short, least=min_score)
            full: Finder = _blind if range_ == "short" else partial(find, networks.full(), least=full_score)
        else:
            short = stack.enter_context(short_range(min_score, model)) if range_ != "full" else _blind
            full = stack.enter_context(full_range(min_score)) if range_ != "short" else _blind
        near = _both(short, full) if wide else _only(short if range_ == "short" else full)
        yield Detector(name, near, networks if wide else None, SMALLEST if range_ == "far" else None, min_score)


def _both(short: Finder, full: Finder) -> Near:
    return lambda picture, time, rhythm: Both(short, full, rhythm).find(picture, time)


def _only(one: Finder) -> Near:
    return lambda picture, *_: one(picture)


def _blind(picture: Image) -> list[Face]:
    return []
