"""MediaPipe's face networks, run by LiteRT or by MediaPipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fervid.pipeline.errors import ModelError
from fervid.pipeline.fact import ALONE
from fervid.pipeline.frames import Frames
from fervid.stages.faces.detection.detector import Memory, Range, Runtime, chosen, open_detector
from fervid.stages.faces.detectors import Detector, Find, detector

LIBRARIES = {
    "litert": ("ai_edge_litert", "pip install ai-edge-litert"),
    "mediapipe": ("mediapipe", 'pip install "mediapipe==0.10.21", for Python 3.11 and 3.12'),
}
"""The module of each runtime, and how it is installed."""


@detector("mediapipe")
@dataclass(frozen=True)
class MediaPipe(Detector):
    """BlazeFace for near and for small faces, and the looks that find far ones."""

    min_score: float
    range: Range
    model: Path | None
    runtime: Runtime

    def about(self) -> Mapping[str, Any]:
        return {"runtime": chosen(self.runtime)}

    @contextmanager
    def open(self, frames: Frames) -> Iterator[Find]:
        memory = frames.keep(Memory())
        _look_for(chosen(self.runtime))
        with open_detector(self.range, self.runtime, self.min_score, self.model) as search:
            yield lambda frame: search.find(frame.picture, frame.time, memory, alone=frame[ALONE] is True)


def _look_for(runtime: str) -> None:
    module, how = LIBRARIES[runtime]
    if find_spec(module) is None:
        others = " or ".join(name for name in LIBRARIES if name != runtime)
        raise ModelError(f"`runtime: {runtime}` needs {module}: {how}; or take `runtime: {others}`")
