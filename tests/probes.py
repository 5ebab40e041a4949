"""Stages for tests of the engine: sources, delays, faults and a sink that need no picture."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from fervid.models.reading import Emotion
from fervid.pipeline import FACES, FRAMES, LIVE, Face, Frame, Frames, Reads, Source, Stage, Writes, register
from fervid.pipeline.errors import InputError
from fervid.stages.faces.emotions import EMOTION

EVENTS: list[str] = []
"""What stages did, in order."""


@register("probe_source")
@dataclass(frozen=True)
class ProbeSource(Stage):
    """Frames with one face each, made of nothing; a file that begins with `bad` cannot be read."""

    path: Annotated[str | None, Reads()] = None
    """A file whose stem becomes the source's name."""
    frames: Annotated[int, Ge(0)] = 10
    """How many."""
    delay: float = 0.0
    """Seconds before each frame."""
    damaged: int = 0
    """Packets that were lost."""
    cut: Literal["interrupted", "truncated", "disconnected"] | None = None
    """Why the input ends early."""

    needs = ()
    gives = (FRAMES, FACES, EMOTION)

    def run(self, frames: Frames) -> Generator[Frame]:
        path = Path(self.path) if self.path else None
        if path and not path.is_file():
            raise InputError(f"{path}: no such file")
        if path and path.read_bytes().startswith(b"bad"):
            raise InputError(f"{path}: not a video")
        source = Source(path.stem if path else "probe", 8, 8, fps=10, path=path, length=self.frames)
        yield from _frames(source, self.frames, self.delay)
        lost = frames.run.lost
        lost.damaged, lost.cut = self.damaged, lost.cut or self.cut


@register("probe_camera")
@dataclass(frozen=True)
class ProbeCamera(Stage):
    """A source without an end."""

    delay: float = 0.005
    """Seconds before each frame."""
    silent_after: int = 1_000_000
    """Frames before it falls silent for ten seconds, or until the run ends."""

    needs = ()
    gives = (FRAMES, LIVE, FACES, EMOTION)

    def run(self, frames: Frames) -> Generator[Frame]:
        source = Source("camera", 8, 8, live=True)
        yield from _frames(source, self.silent_after, self.delay)
        frames.run.stopping.wait(10)


def _frames(source: Source, count: int, delay: float) -> Generator[Frame]:
    image = np.zeros((8, 8, 3), np.uint8)
    EVENTS.append("open source")
    try:
        for index in range(count):
            time.sleep(delay)
            face = Face((0, 0, 4, 4), 0.9, track=1)
            face[EMOTION] = Emotion("happy" if index % 4 else "sad", 0.9)
            yield Frame(index, index / 10, image, source, faces=[face])
    finally:
        EVENTS.append("close source")


@register("probe_pass")
@dataclass(frozen=True)
class ProbePass(Stage):
    """Passes frames on, and writes down when it begins and ends and in which thread it is."""

    name_of_it: str = "pass"
    """How it calls itself."""
    delay: float = 0.0
    """Seconds a frame."""

    def run(self, frames: Frames) -> Generator[Frame]:
        EVENTS.append(f"open {self.name_of_it}")
        try:
            for frame in frames:
                time.sleep(self.delay)
                frames.run.notes.setdefault("threads", {})[self.name_of_it] = threading.get_ident()
                yield frame
        finally:
            EVENTS.append(f"close {self.name_of_it}")


@register("probe_apart")
@dataclass(frozen=True)
class ProbeApart(ProbePass):
    """The same, with the frames in front of it made in another thread."""

    detached = True


@register("probe_slow_start")
@dataclass(frozen=True)
class ProbeSlowStart(Stage):
    """Takes long to begin, as what loads a model does."""

    seconds: float = 0.3
    """How long."""
    sign: str = ""
    """File that is made when it begins."""

    def run(self, frames: Frames) -> Generator[Frame]:
        if self.sign:
            Path(self.sign).write_text("begins\n")
        time.sleep(self.seconds)
        yield from frames


@register("probe_slow_end")
@dataclass(frozen=True)
class ProbeSlowEnd(Stage):
    """Takes long to end, as what joins the sound to a video does."""

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames
        time.sleep(2)


@register("probe_fault")
@dataclass(frozen=True)
class ProbeFault(Stage):
    """Fails at a frame."""

    at: int = 3
    """Which."""
    kind: Literal["error", "exit", "memory", "library", "input", "kill", "warning"] = "error"
    """How."""
    only: str = ""
    """Name of the source that it fails for; all if empty."""

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            if frame.index == self.at and self.only in {"", frame.source.name}:
                self._fail()
            yield frame

    def _fail(self) -> None:
        if self.kind == "warning":
            logging.getLogger("fervid.probes").warning("rtsp://user:hunter2@camera/live is slow")
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise {
            "error": ValueError("a fault for rtsp://user:hunter2@camera/live"),
            "exit": SystemExit("a stage must not exit"),
            "memory": MemoryError(),
            "library": ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            "input": InputError("rtsp://user:hunter2@camera/live: refused"),
        }[self.kind]


@register("probe_sink")
@dataclass(frozen=True)
class ProbeSink(Stage):
    """Writes one flushed line a frame."""

    path: Annotated[str, Writes()]
    """Where to."""

    def run(self, frames: Frames) -> Generator[Frame]:
        stream = iter(frames)
        frame = next(stream, None)
        if frame is None:
            return
        with frames.run.output(self.path) as made, made.part.open("w") as file:
            while frame is not None:
                file.write(f"{frame.index}\n")
                file.flush()
                yield frame
                frame = next(stream, None)
