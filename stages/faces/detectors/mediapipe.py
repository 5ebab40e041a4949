"""MediaPipe's face networks, run by LiteRT or by MediaPipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fervid.pipeline.fact import ALONE
from fervid.pipeline.frames import Frames
from fervid.stages.faces.detection.detector import Memory, Range, Runtime, chosen, open_detector
from fervid.stages.faces.detectors import Detector, Find, detector


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
        with open_detector(self.range, self.runtime, self.min_score, self.model) as search:
            yield lambda frame: search.find(frame.picture, frame.time, memory, alone=frame[ALONE] is True)
