"""Pictures of a recording may change their size on the way; boxes are pixels of the picture that they are found in."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from fervid.pipeline.frame import Frame
from fervid.pipeline.record import Run

log = logging.getLogger(__name__)
TOLD = 3
"""Changes that are told; a stream that adapts itself may change at any time."""


@dataclass
class Sizes:
    """Which sizes there were."""

    since: list[tuple[int, int, int]] = field(default_factory=list)
    """From which frame on the pictures were how wide and high."""

    def look(self, frame: Frame, run: Run) -> None:
        """Take a frame. Changes are told, and noted for the page beside a table."""
        height, width = frame.picture.height, frame.picture.width
        if self.since and self.since[-1][1:] == (width, height):
            return
        self.since.append((frame.index, width, height))
        if len(self.since) > 1:
            keys = ("frame", "width", "height")
            run.note("sizes", {"since": [dict(zip(keys, one, strict=True)) for one in self.since]})
            if len(self.since) <= TOLD + 1:
                what = f"{width} x {height} from frame {frame.index} on, {frame.time:.2f} s"
                log.warning("%s: its pictures change their size: %s", frame.source.name, what)
