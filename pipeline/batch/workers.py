"""Run jobs in processes of their own: one that dies takes only its own input with it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic, perf_counter, sleep
from typing import Any

from fervid.pipeline.batch.plan import Job
from fervid.pipeline.configuration import config
from fervid.pipeline.errors import sentence
from fervid.pipeline.interpreter import safe_path
from fervid.pipeline.record import losses
from fervid.pipeline.redaction import redact
from fervid.pipeline.run import Pipeline
from fervid.pipeline.signals import SIGNALS, graceful

REPORT = 0.5  # seconds between two messages of a worker about its frames
TO_ALL = [number for number in SIGNALS if number != signal.SIGTERM]
"""What a terminal sends to all processes; the parent alone answers it."""
HURRY = 0.4  # seconds that a worker may take to leave its files in order where nobody waits
ORPHANED = 10.0  # seconds that it may take to end in order when its parent is gone
POLL = 0.2  # seconds between two looks at whether the batch shall stop


@dataclass(frozen=True)
class Frames:
    """So many more frames of a job are done."""

    count: int


@dataclass(frozen=True)
class Message:
    """What a job logs."""

    label: str
    level: int
    text: str


@dataclass(frozen=True)
class Result:
    """How a job ended."""

    label: str
    error: str | None = None
    stopped: bool = False
    frames: int = 0
    seconds: float = 0.0
    losses: list[str] = field(default_factory=list)


class Pool:
    """Up to `size` processes that take jobs one after another."""

    def __init__(self, jobs: Sequence[Job], size: int, level: int = logging.INFO) -> None:
        self._waiting = deque(jobs)
        self._size = size
        self._level = level
        self._busy: dict[Connection, tuple[SpawnProcess, Job]] = {}
        self._stopping = False

    def stop(self) -> None:
        """Begin no further job and ask the running ones to end in order."""
        self._stopping = True

    def __iter__(self) -> Iterator[Frames | Message | Result]:
        told = False
        try:
            while self._busy or (self._waiting and not self._stopping):
                while self._waiting and len(self._busy) < self._size and not self._stopping:
                    self._start(self._waiting.popleft())
                if self._stopping and not told:
                    told = True
                    for process, _ in self._busy.values():
                        process.terminate()
                for pipe in wait(list(self._busy), POLL):
                    yield self._receive(pipe)  # type: ignore[arg-type]
            yield from (Result(job.label, stopped=True) for job in self._waiting)
        finally:
            self._end()

    def _end(self) -> None:
        """Interrupt what still runs, and kill what does not hear it."""
        until = monotonic() + HURRY
        for process, _ in self._busy.values():
            process.terminate()
        for process, _ in self._busy.values():
            process.join(max(0.0, until - monotonic()))
            process.kill()
            process.join()

    def _start(self, job: Job) -> None:
        here, there = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=work, args=(there, self._level))
        before = {number: signal.signal(number, signal.SIG_IGN) for number in TO_ALL}  # which a worker inherits
        try:
            with safe_path():
                process.start()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        there.close()
        self._busy[here] = (process, job)
        _send(here, job)

    def _receive(self, pipe: Connection) -> Frames | Message | Result:
        process, job = self._busy[pipe]
        try:
            message: Frames | Message | Result = pipe.recv()
        except (EOFError, OSError):
            process.join()
            del self._busy[pipe]
            if self._stopping:
                return Result(job.label, stopped=True)
            return Result(job.label, _ended(process.exitcode))
        if isinstance(message, Result):
            self._next(pipe)
        return message

    def _next(self, pipe: Connection) -> None:
        process, _ = self._busy.pop(pipe)
        if self._waiting and not self._stopping:
            job = self._waiting.popleft()
            self._busy[pipe] = (process, job)
            _send(pipe, job)
            return
        pipe.close()
        process.join()


def _send(pipe: Connection, job: Job) -> None:
    with suppress(OSError):  # a worker that has died is found when its answer is read
        pipe.send(job)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        reason = "; out of memory?" if code == -signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-code).name}{reason}"
    return f"its process ended with exit code {code}"


def work(pipe: Connection, level: int) -> None:
    """Do jobs until there are no more; ends in order when the parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lines = _Lines(pipe)
    logging.getLogger().addHandler(lines)
    logging.getLogger("fervid").setLevel(level)
    with suppress(EOFError, BrokenPipeError):
        while True:
            job: Job = pipe.recv()
            lines.label = job.label
            lines.send(_done(job, lines))


def _done(job: Job, lines: _Lines) -> Result:
    began, frames = perf_counter(), 0
    try:
        written = config.parse(job.text, job.overrides, job.origin)
        pipeline = Pipeline(written.build(), threads=written.threads, title=job.title, overwrite=job.overwrite)
        with graceful(pipeline.stop):
            reported, since = began, 0
            for _ in pipeline:
                frames += 1
                since += 1
                if (now := perf_counter()) - reported > REPORT:
                    lines.send(Frames(since))
                    reported, since = now, 0
        lines.send(Frames(since))
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return Result(
            job.label, sentence(error).removeprefix(f"{job.path}: "), frames=frames, seconds=perf_counter() - began
        )
    run = pipeline.run
    stopped = run.source is None or run.lost.cut == "interrupted"
    return Result(job.label, None, stopped, frames, perf_counter() - began, losses(run, frames))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            sleep(ORPHANED)


class _Lines(logging.Handler):
    """Sends what is logged to the parent, from whichever thread."""

    label = ""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe
        self._turn = threading.Lock()

    def send(self, message: Any) -> None:
        with self._turn:
            self._pipe.send(message)

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self.send(Message(self.label, record.levelno, redact(record.getMessage())))
