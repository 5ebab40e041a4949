"""What a run writes down about itself: what was lost, what made the outputs, what to tell at the end, how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import Source
from fervid.pipeline.output import Output, output, resolve
from fervid.pipeline.ownership import SIGNED, Record
from fervid.pipeline.redaction import redacted
from fervid.pipeline.tally import Tally, number, share

OWN = ("complete", "lost", "frames", "labels", "columns", "origin", "input", "config", "resumed", "versions")
"""Keys that the page beside an output has anyway."""
Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Outage:
    """A while without pictures of a live source."""

    start: float
    """Time of the last frame before it, in seconds."""
    seconds: float = 0.0
    """Until the next frame, or until the end of the run."""


@dataclass(slots=True)
class Lost:
    """What of the input is not in the outputs."""

    damaged: int = 0
    """Packets or images that could not be decoded and were passed over, and pictures that came out with faults."""
    dropped: int = 0
    """Frames of a live source that were replaced by a newer one before they were taken."""
    missing: int = 0
    """Frames that the times of the input leave room for, and that it does not hold."""
    outages: list[Outage] = field(default_factory=list)
    """Of a live source."""
    cut: Literal["interrupted", "truncated", "disconnected"] | None = None
    """Why the input ended before its end; None for a whole input."""

    @property
    def anything(self) -> bool:
        """Whether a frame is missing, or may be, or is not as it was recorded."""
        return self != Lost()


@dataclass(slots=True)
class Run:
    """The notebook of one run. Each thing in it has one writer; stages find it as `frames.run`."""

    config: Sequence[Mapping[str, Any]] = ()
    """The stages with all their options, as plain data without secrets."""
    title: str | None = None
    """In a batch the name that no other input has: with its folders, as its outputs lie."""
    facts: Sequence[Fact[Any]] = ()
    """All that the chain gives, in order."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the run shall end in order: by a signal, by `Pipeline.stop`, or by a stage such as a closed window."""
    began: datetime = field(default_factory=datetime.now)
    """Local time for templates such as `out/{name}_{time}.csv`; of a resumed run, that of its first start."""
    ready: bool = False
    """Whether every stage has begun, so that the input is asked for its first frame."""
    source: Source | None = None
    """The input, once its first frame is there."""
    read: int | None = None
    """Frames of the input, once it was read to its end."""
    lost: Lost = field(default_factory=Lost)
    notes: dict[str, Any] = field(default_factory=dict)
    """What made the outputs, as plain data for the pages beside them: the weights, say. Written by `note`."""
    lines: dict[str, str] = field(default_factory=dict)
    """What the summary tells, by its label. Written by `tell`."""
    outputs: list[Path] = field(default_factory=list)
    """Files that sinks have completed under their final names."""
    tally: Tally = field(default_factory=Tally)
    """What came out at the end of the chain."""
    resumed: list[int] = field(default_factory=list)
    """Frames at which it went on after a break."""
    overwrite: bool = False
    """Whether outputs may replace what fervid did not make from this input."""
    resumable: bool = False
    """Whether enough is kept to go on from here if it ends now; unfinished outputs are then left as they are."""
    deferred: list[Callable[[], None]] | None = None
    """What gives whole outputs their names, in a run whose outputs get them all at its end."""
    watch: Progress | None = None
    """Told of `advance`; the terminal shows a bar."""

    def note(self, key: str, value: Mapping[str, Any]) -> None:
        """Write down what made the outputs; it stands under this key in the page beside them.

        A resumed run must have the same notes, so note what results depend on, before the first frame.

        Raises:
            ValueError: the page has such a key already.
        """
        if key in OWN:
            raise ValueError(f"a note {key!r} would hide what the page says under this key; choose another one")
        self.notes[key] = redacted(dict(value))

    def tell(self, label: str, text: str) -> None:
        """Say something in the summary at the end; what was said under this label before is replaced."""
        self.lines[label] = text

    def advance(self, done: int, total: int, what: str) -> None:
        """Say how far a long piece of work is that sees no frames; `what` names the part of it that is under way."""
        if self.watch:
            self.watch(done, total, what)

    def output(self, template: str, *, record: Record = SIGNED, **placeholders: str) -> AbstractContextManager[Output]:
        """A file that is complete or absent, from a path template with `{name}`, `{time}` and others.

        >>> with frames.run.output(self.path) as output, output.part.open("w") as file:

        Raises:
            OutputError: it cannot be written, or would replace what must not be replaced.
            RuntimeError: no frame was there yet, and so no input that it could be named after.
        """
        if self.source is None:
            raise RuntimeError(
                "an output is opened behind the first frame, which says what the input is: ask for that first"
            )
        return output(resolve(template, self, **placeholders), self, record)

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it before a recorded input was read to its end."""
        return self.lost.cut == "interrupted" and not (self.source and self.source.live)


def losses(run: Run, frames: int) -> list[str]:
    """Say, one sentence each, what of the input is not in outputs that hold so many frames."""
    if run.source is None:
        return []
    lost, length = run.lost, run.source.length
    of = f" of about {length}" if length else ""
    sentences = []
    if lost.cut == "interrupted" and frames == run.read:
        sentences.append("stopped behind the last frame, before all was done")
    elif lost.cut == "interrupted":
        sentences.append(f"stopped after {frames}{of} frames")
    elif lost.cut:
        ends = f"{frames}{of} frames" if of else number(frames, "frame")
        sentences.append(f"the input ends early ({lost.cut}): {ends}")
    if lost.damaged:
        what = number(lost.damaged, "damaged packet or image", "damaged packets or images")
        sentences.append(f"{what}, passed over or shown with {'its' if lost.damaged == 1 else 'their'} faults")
    if lost.missing:
        room = number(lost.missing, "more frame")
        sentences.append(f"its times leave room for {room}: lost, or never recorded")
    if lost.outages:
        known = sum(outage.seconds for outage in lost.outages)
        sentences.append(f"{number(len(lost.outages), 'outage')} of the camera, {known:.1f} s in all")
    if lost.dropped:
        part = share(lost.dropped, lost.dropped + frames)
        sentences.append(f"{number(lost.dropped, 'frame')} ({part}) dropped to keep up with the source")
    return sentences
