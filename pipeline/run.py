"""Run a pipeline: one fold of generators, each closed whatever happens, last stage first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from fervid.pipeline import config
from fervid.pipeline.buffer import hand_over
from fervid.pipeline.errors import FervidError, StageError
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.libraries import missing_library
from fervid.pipeline.stage import Stage, Start

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Timing:
    """Seconds of one stage: until its first frame, and behind that of work and of waiting for another thread."""

    stage: str
    start: float = 0.0
    worked: float = 0.0
    waited: float = 0.0
    started: bool = False


class Pipeline:
    """Stages in a row. Iterating runs them and yields the frames that come out at the end.

    >>> for frame in Pipeline.load("configs/file.yaml", {"file.path": "talk.mp4"}):
    ...     print(frame.time, [face.emotion for face in frame.faces])
    """

    def __init__(
        self, stages: Sequence[Stage], *, threads: bool = True, profile: bool = False, title: str | None = None
    ) -> None:
        self.stages = tuple(stages)
        self.threads = threads
        self.title = title
        self.timings = [Timing(stage.name) for stage in stages] if profile else None
        self.source: Source | None = None
        """The input, once a run has read its first frame."""
        self._stop = threading.Event()

    @classmethod
    def load(cls, path: str | Path, overrides: Mapping[str, Any] | None = None, *, profile: bool = False) -> Pipeline:
        """Make a pipeline from a YAML file, with `{"stage.option": value}` put over it.

        Raises:
            ConfigError: with file and line, and what would be right.
        """
        return cls._from(config.load(path, overrides), profile)

    @classmethod
    def parse(cls, text: str, overrides: Mapping[str, Any] | None = None, *, profile: bool = False) -> Pipeline:
        """Make a pipeline from YAML text."""
        return cls._from(config.parse(text, overrides), profile)

    @classmethod
    def _from(cls, written: config.Config, profile: bool) -> Pipeline:
        return cls(written.build(), threads=written.threads, profile=profile)

    def stop(self) -> None:
        """Let the run end in order: no further frame is read, what was read still reaches the sinks."""
        self._stop.set()

    def __iter__(self) -> Generator[Frame]:
        frames: Iterable[Frame] = Start(self._stop)
        handed = False
        try:
            with ExitStack() as stack:
                for number, stage in enumerate(self.stages):
                    if self.threads and number and stage.detached and not handed:
                        frames, handed = stack.enter_context(_closing(hand_over(frames, self._stop))), True
                    frames = stack.enter_context(_closing(self._run(stage, frames, number, waits=handed)))
                    if not number:
                        frames = stack.enter_context(_closing(self._watch(frames)))
                    handed = self.threads and stage.live
                    if handed:
                        made = hand_over(frames, self._stop, 1, newest=True)
                        frames = stack.enter_context(_closing(made))
                stack.callback(self._stop.set)
                yield from frames
        finally:
            self._stop.clear()

    def _run(self, stage: Stage, frames: Iterable[Frame], number: int, *, waits: bool) -> Generator[Frame]:
        timing = self.timings[number] if self.timings else None
        try:
            if timing is None:
                yield from stage.run(frames)
            else:
                given = _timed(frames, timing, work=-1, wait=1 if waits else 0) if number else frames
                with closing(stage.run(given)) as made:
                    yield from _timed(made, timing, begins=True)
        except (FervidError, MemoryError):
            raise
        except Exception as error:
            missing = missing_library(error) if isinstance(error, ImportError) else None
            raise StageError(f"{stage.name}: {missing or f'raised {type(error).__name__}: {error}'}") from error

    def _watch(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """Stand behind the source: tell its record about the run, and end the stream when the user asks for it."""
        told = False
        for frame in frames:
            if not told:
                self.source = frame.source
                frame.source.provenance["config"] = config.resolved(self.stages)
                frame.source.stopping = self._stop
                frame.source.title = self.title
                told = True
            if self._stop.is_set():
                if not frame.source.live:
                    frame.source.cut = "interrupted"
                return
            yield frame


def _timed(
    frames: Iterable[Frame], timing: Timing, work: int = 1, wait: int = 0, begins: bool = False
) -> Generator[Frame]:
    """Count the time spent in `frames` `work` times as the stage's work and `wait` times as waiting.

    Until the first frame of those that `begins` marks, it is the stage's start.
    """
    made = iter(frames)
    while True:
        began = perf_counter()
        frame = next(made, None)
        spent = perf_counter() - began
        if timing.started:
            timing.worked += work * spent
            timing.waited += wait * spent
        else:
            timing.start += work * spent
            timing.started = begins
        if frame is None:
            return
        yield frame


@contextmanager
def _closing(frames: Generator[Frame]) -> Generator[Generator[Frame]]:
    try:
        yield frames
    finally:
        try:
            frames.close()
        except ValueError:
            log.debug("a generator is still running in a thread that was left behind")
