"""Find the faces of each frame, with their keypoints."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Lt

from fervid.pipeline.fact import ALONE, BRIDGED, SPARSE
from fervid.pipeline.frame import FACES, FOUND, Frame, found
from fervid.pipeline.frames import Frames
from fervid.pipeline.stage import Stage, Terms, register
from fervid.stages.faces.detection.detector import Memory, Range, Runtime, open_detector


@register("detect")
@dataclass(frozen=True)
class Detect(Stage):
    """MediaPipe's face networks, on a CPU.

    Near faces take 1 to 2 ms a frame; where there are none, 4 ms more. `auto` and `far` also look over a larger copy
    of the picture now and then and follow what they find with close-ups of 0.5 ms a face. A look of `auto` takes 60 to
    90 ms on a busy machine, once a second while there are faces that only it finds, else after 2, 4, then every 8
    seconds. One of `far` takes 0.3 s at 720p, 0.7 s at 1080p and 3 s at 4K, once a second. A picture that stands
    alone, as from `images`, is looked at as with `far`. Faces that the picture's edge cuts are found by looks too.
    """

    min_score: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Detections below are dropped; the full range has none below 0.6."""
    range: Range = "auto"
    """`short` finds near faces, from a tenth of the picture's width on; `full` small ones too, from 6 % on, but misses
    some near ones; `auto` takes both as needed and finds faces from 2 % on; `far` from 12 pixels on."""
    every: Annotated[int, Ge(1), Le(30)] = 1
    """Search one frame in so many; `track` bridges the others. Who comes or goes between is seen at the next search."""
    model: Path | None = None
    """A short-range .tflite instead of the one in mediapipe."""
    runtime: Runtime = "auto"
    """What runs the networks; auto takes LiteRT where it is installed, else MediaPipe, which has no far faces."""

    gives = (FACES,)
    detached: ClassVar[bool] = True

    def terms(self) -> Terms:
        return super().terms()._replace(gives=(FACES, SPARSE, BRIDGED) if self.every > 1 else (FACES,))

    def run(self, frames: Frames) -> Generator[Frame]:
        memory = frames.keep(Memory())
        with open_detector(self.range, self.runtime, self.min_score, self.model) as detector:
            frames.run.note("detector", {"runtime": detector.runtime})
            for frame in frames:
                if frame.index % self.every:
                    frame.faces, frame[SPARSE] = [], True
                else:
                    frame.faces = detector.find(frame.picture, frame.time, memory, alone=frame[ALONE] is True)
                    frame[FOUND] = found(frame)
                yield frame
