"""Find the faces of each frame, with their keypoints."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, Lt

from fervid.pipeline.errors import ConfigError
from fervid.pipeline.fact import BRIDGED, SPARSE
from fervid.pipeline.frame import FACES, FOUND, Frame, found
from fervid.pipeline.frames import Frames
from fervid.pipeline.roles import Names
from fervid.pipeline.stage import Stage, Terms, register
from fervid.stages.faces.detection.detector import Range, Runtime
from fervid.stages.faces.detectors import Detector, detectors

SHARED = ("min_score", "range", "model", "runtime")
"""Options that a detector may have as fields of its own."""


@register("detect")
@dataclass(frozen=True)
class Detect(Stage):
    """Searches with MediaPipe's face networks, on a CPU, or with a detector of one's own.

    MediaPipe's take 1 to 2 ms a frame for near faces; where there are none, 4 ms more. `auto` and `far` also look over
    a larger copy of the picture now and then and follow what they find with close-ups of 0.5 ms a face. A look of
    `auto` takes 60 to 90 ms on a busy machine, once a second while there are faces that only it finds, else after 2, 4,
    then every 8 seconds. One of `far` takes 0.3 s at 720p, 0.7 s at 1080p and 3 s at 4K, once a second. A picture that
    stands alone, as from `images`, is looked at as with `far`. Faces that the picture's edge cuts are found by looks
    too.
    """

    detector: Annotated[str, Names(detectors)] = "mediapipe"
    """What finds them; a plugin or another package can bring others than `mediapipe`."""
    min_score: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Detections below are dropped; the full range has none below 0.6."""
    range: Range = "auto"
    """`short` finds near faces, from a tenth of the picture's width on; `full` small ones too, from 6 % on, but misses
    some near ones; `auto` takes both as needed and finds faces from 2 % on; `far` from 12 pixels on."""
    every: Annotated[int, Ge(1), Le(30)] = 1
    """Search one frame in so many; `track` bridges the others. Who comes or goes between is seen at the next search."""
    model: Path | None = None
    """A short-range .tflite instead of MediaPipe's, which its wheel or `fervid models fetch detector` brings."""
    runtime: Runtime = "auto"
    """What runs the networks; auto takes LiteRT where it is installed, else MediaPipe, which has no far faces and ends
    at Python 3.12."""

    options: dict[str, Any] | None = None
    """What a detector of one's own takes besides."""

    gives = (FACES,)
    detached: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _made(self)

    def terms(self) -> Terms:
        return super().terms()._replace(gives=(FACES, SPARSE, BRIDGED) if self.every > 1 else (FACES,))

    def run(self, frames: Frames) -> Generator[Frame]:
        detector = _made(self)
        frames.run.note("detector", {"name": detector.name, **detector.about()})
        with detector.open(frames) as find:
            for frame in frames:
                if frame.index % self.every:
                    frame.faces, frame[SPARSE] = [], True
                else:
                    frame.faces = [face for face in find(frame) if face.score >= self.min_score]
                    frame[FOUND] = found(frame)
                yield frame


def _made(stage: Detect) -> Detector:
    """The detector that is asked for, with its options.

    Raises:
        ConfigError: there is none of that name, or it does not take one of them.
    """
    from fervid.pipeline.configuration import options

    cls, own = _class(stage.detector), stage.options or {}
    taken = {name: getattr(stage, name) for name in SHARED if name in getattr(cls, "__dataclass_fields__", ())}
    for field in fields(Detect):
        if field.name in SHARED[1:] and field.name not in taken and getattr(stage, field.name) != field.default:
            raise ConfigError(f"option {field.name!r}: the detector {stage.detector} does not take it; leave it out")
    for name in own:
        _allow(name, cls)
    try:
        return options.build(cls, {**taken, **own})
    except options.OptionError as error:
        raise ConfigError(str(error)) from error


def _allow(option: str, cls: type[Detector]) -> None:
    from fervid.pipeline.configuration.options import describe, suggest

    if option in SHARED:
        raise ConfigError(f"option 'options': {option} is an option of detect itself; write it beside this one")
    taken = {name: f"{name}: {kind}" for name, kind, _ in describe(cls) if name not in SHARED}
    if option not in taken:
        others = f" (it takes {', '.join(taken.values())})" if taken else ""
        raise ConfigError(f"option 'options': {cls.name} takes no {option!r}{suggest(option, taken)}{others}")


def _class(name: str) -> type[Detector]:
    from fervid.pipeline.configuration.options import suggest

    cls = detectors.find(name)
    if cls is None:
        guess, known = suggest(name, detectors.names()), ", ".join(detectors.names())
        raise ConfigError(f"option 'detector': no detector {name!r}{guess} (there is {known})")
    if not issubclass(cls, Detector) or cls.open is Detector.open:
        raise ConfigError(f"option 'detector': {cls.__name__} must have the base Detector and a method `open`")
    return cls
