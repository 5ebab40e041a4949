"""What finds faces for `detect`: one file, one detector, by the name of the file; plugins bring others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from fervid.pipeline.frame import Face, Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.registry import Registry

Find = Callable[[Frame], list[Face]]
"""Gives the faces of a frame, in pixels. One without keypoints leaves them out; a score that is not known is 1."""


class Detector:
    """Base of all detectors: a frozen dataclass whose fields are its options.

    A field that is called min_score, range, model or runtime has the value of that option of `detect`, which refuses
    the last three where there is no such field; all others stand under `options`. Building one opens nothing. Heavy
    libraries are imported inside the functions that use them.
    """

    name: ClassVar[str]
    """The detector's name in the YAML; `detector` sets it."""

    def open(self, frames: Frames) -> AbstractContextManager[Find]:
        """Load what it needs, give what finds the faces of one frame after the other, and release it in the end.

        What it remembers from frame to frame comes from `frames.keep`, as a stage's does.

        Raises:
            ModelError: something that it needs is missing or damaged.
        """
        raise NotImplementedError

    def about(self) -> Mapping[str, Any]:
        """What results depend on, besides its name and options, as plain data for the page beside a CSV."""
        return {}


detectors: Registry[Detector] = Registry(
    "detector", lambda: Detector, "fervid.stages.faces.detectors", "fervid.detectors"
)
"""Every detector there is."""

detector = detectors.register
"""Make a detector known under a name."""
