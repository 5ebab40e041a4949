"""Say what of a video was lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fervid.pipeline.frame import Frame
from fervid.pipeline.record import Lost
from fervid.stages.sources.decoding.clock import Clock, rate
from fervid.stages.sources.decoding.reading import Tally

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)
DECLARING = ("matroska", "mov", "flv", "asf")
"""Containers whose head says how long they are; of others the length is where they end, cut short or not."""


def report(container: InputContainer, stream: VideoStream, last: Frame, clock: Clock, tally: Tally, lost: Lost) -> None:
    """Tell it, and note it in `lost`; whether the end is there is known only where a part reaches up to it."""
    source, read = last.source, last.index + 1
    of = f"{read} of {stream.frames - tally.hidden}" if stream.frames else str(read)
    seconds = (container.duration or 0) / 1e6
    left = last.source.end is not None and tally.end + clock.shift >= last.source.end
    if not left and _ends_early(container, stream, tally):
        lost.cut = "truncated"
        log.warning("%s: cut short: %s frames, %.1f of %.1f s", source.name, of, last.time, seconds)
    if tally.damaged:
        log.warning("%s: %d packets or pictures are damaged; %s frames could be read", source.name, tally.damaged, of)
    if clock.missing and not stream.frames:
        lost.missing = clock.missing
        log.warning("%s: its times leave room for %d more frames: lost, or never recorded", source.name, clock.missing)
    if clock.assumed:
        log.warning("%s: %d frames have no time that follows the last; it was assumed", source.name, clock.assumed)


def _ends_early(container: InputContainer, stream: VideoStream, tally: Tally) -> bool:
    """True where pictures lack, or the last packet ends a second or more before the end that the head declares.

    Where the clock begins late, some heads count from 0, others from there: the earlier end holds. AVI counts among its
    pictures empty packets, "the last one again", that nobody hands out: there the end counts.
    """
    pace = rate(stream)
    if container.format.name == "avi" and pace:
        return tally.end < float((stream.frames - 0.5) / pace)
    if tally.packets < stream.frames:
        return True
    if not container.duration or not container.format.name.startswith(DECLARING):
        return False
    length, began = container.duration / 1e6, (container.start_time or 0) / 1e6
    end = length if 0 < began < length else began + length
    return tally.end < end - max(1.0, 0.02 * (end - began))
