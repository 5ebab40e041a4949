"""What travels through a pipeline: frames, the faces in them, and the source that they came from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The labels and their order everywhere: FER2013's."""

UNCERTAIN = "uncertain"
"""The label of a face whose best score is below the network's threshold."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, x2 and y2 exclusive; may reach beyond the image."""


@dataclass(slots=True)
class Quality:
    """How well a face can be read: numbers to filter rows by."""

    size: float
    """Square root of the box's area, in pixels of the source."""
    sharpness: float
    """Variance of the Laplacian of the 96 x 96 grey crop (Pech-Pacheco et al. 2000); below about 50 is blurred."""
    brightness: float
    """Mean grey value of the crop, 0 to 1."""
    yaw: float | None
    """Turn to the side in degrees, estimated from the keypoints; positive to the image's right."""
    pitch: float | None
    """Nod in degrees, estimated from the keypoints; positive upwards."""
    roll: float | None
    """Tilt of the eye line in degrees; positive clockwise in the image."""
    overall: float
    """One number from 0 (useless) to 1 (frontal, sharp, large, well lit)."""


@dataclass(slots=True)
class Face:
    """One face in one frame. What no stage has filled in is None, never 0."""

    box: Box
    score: float
    """The detector's confidence, 0 to 1; of a predicted face that of its last detection."""
    keypoints: NDArray[np.float32] | None = None
    """6 x 2 pixels: the image's left eye, right eye, nose tip, mouth centre, left ear, right ear."""
    track: int | None = None
    """Identity within the run, from 1."""
    status: Literal["detected", "predicted"] = "detected"
    emotions: NDArray[np.float32] | None = None
    """7 calibrated probabilities in the order of EMOTIONS."""
    smoothed: NDArray[np.float32] | None = None
    """The same, steadied over time."""
    emotion: str | None = None
    """The label to show: one of EMOTIONS or UNCERTAIN."""
    quality: Quality | None = None
    framed: bool = False
    """The picture shows this face and no more: its box stands for the whole picture, whatever frames other faces."""

    @property
    def confidence(self) -> float | None:
        """The probability of the shown label; of an uncertain face, that of its best guess."""
        scores = self.emotions if self.smoothed is None else self.smoothed
        if scores is None or self.emotion is None:
            return None
        return float(scores.max() if self.emotion == UNCERTAIN else scores[EMOTIONS.index(self.emotion)])


@dataclass(slots=True)
class Source:
    """One input as a run knows it: what it is, what of it was lost, and what was made of it."""

    name: str
    """Short name for templates such as `out/{name}.csv`; never holds a separator or a password."""
    width: int
    height: int
    fps: float | None = None
    """Nominal frames a second, for display only: times come from `Frame.time`."""
    live: bool = False
    path: Path | None = None
    """The file or folder that was read; None for cameras."""
    title: str | None = None
    """In a batch the name that no other input has: with its folders, as its outputs lie."""
    length: int | None = None
    """Frames expected, for progress; an estimate where the container only estimates."""
    dropped: int = 0
    """Frames of a live source that were replaced by a newer one before they were taken."""
    damaged: int = 0
    """Packets or images that could not be decoded and were passed over."""
    cut: str | None = None
    """Why the input ended before its end ("interrupted", "truncated"); None for a whole input."""
    reopen: Callable[[], Iterator[Frame]] | None = None
    """Reads the same frames once more, without faces; None where that is impossible."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the run shall end in order: by a signal, by `Pipeline.stop`, or by a stage such as a closed window."""
    began: datetime = field(default_factory=datetime.now)
    """Local time at which it was opened, for templates such as `out/{name}_{time}.csv`."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """What a sidecar keeps: stages add what they know, such as the weights' hash."""
    outputs: list[Path] = field(default_factory=list)
    """Files that sinks have completed under their final names."""


@dataclass(slots=True)
class Target:
    """What a training frame should be read as."""

    emotion: int | None
    """Index into EMOTIONS, or None where only votes exist."""
    split: Literal["train", "validation", "test"]
    votes: tuple[int, ...] | None = None
    """FER+'s ten counts: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, no face."""


@dataclass(slots=True)
class Frame:
    """One picture of a source and all that is known about it."""

    index: int
    """0-based count of the source's frames; of a live source, of those that were taken."""
    time: float
    """Seconds: the container's presentation timestamp; of a live source, since its first frame."""
    image: NDArray[np.uint8]
    """Height x width x 3, BGR, contiguous. A stage that changes pixels says so in `gives`."""
    source: Source
    faces: list[Face] = field(default_factory=list)
    name: str | None = None
    """Of the picture's own file, where it has one."""
    searched: bool = True
    """False where `detect` passed the frame over; `track` bridges it."""
    wall_time: datetime | None = None
    """UTC time of capture, of live sources only."""
    target: Target | None = None
