"""Count what a run reads and finds, and say what it lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fervid.pipeline.frame import Frame, Source


@dataclass
class Tally:
    """What is counted while frames go by."""

    frames: int = 0
    faces: int = 0
    tracks: set[int] = field(default_factory=set)
    emotions: Counter[str] = field(default_factory=Counter)

    def add(self, frame: Frame) -> None:
        """Count a frame and the faces in it."""
        self.frames += 1
        self.faces += len(frame.faces)
        for face in frame.faces:
            if face.track is not None:
                self.tracks.add(face.track)
            if face.emotion is not None:
                self.emotions[face.emotion] += 1


def losses(source: Source, frames: int) -> list[str]:
    """Say, one sentence each, what of the input is not in the outputs."""
    of = f" of about {source.length}" if source.length else ""
    sentences = []
    if source.cut == "interrupted" and frames == source.length:
        sentences.append("stopped behind the last frame, before all was done")
    elif source.cut == "interrupted":
        sentences.append(f"stopped after {frames}{of} frames")
    elif source.cut:
        sentences.append(f"the input ends early ({source.cut}): {frames}{of} frames")
    if source.damaged:
        sentences.append(
            f"{number(source.damaged, 'damaged packet or image', 'damaged packets or images')} passed over"
        )
    if source.dropped:
        share = source.dropped / (source.dropped + frames)
        sentences.append(f"{number(source.dropped, 'frame')} ({share:.0%}) dropped to keep up with the source")
    return sentences


def number(count: int, one: str, many: str | None = None) -> str:
    """`1 frame`, `2 frames`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
