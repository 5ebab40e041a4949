"""Show how far a run is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from fervid.pipeline.batch.workers import Frames, Message, Result
from fervid.pipeline.errors import plain
from fervid.pipeline.frame import Frame
from fervid.pipeline.record import Run
from fervid.pipeline.tally import number, pace
from fervid.pipeline.terminal.console import Stderr

REFRESH = 0.1  # seconds between two updates of the bar


class Bar:
    """How far a run is, drawn anew on one line, and below it how far work is that sees no frames."""

    def __init__(self, shown: Progress | None = None) -> None:
        self._shown = shown
        self._task = shown.add_task("starting", total=None, counts="") if shown else None
        self._work: TaskID | None = None
        self._began = self._drawn = perf_counter()
        self._before: int | None = None

    def frame(self, frame: Frame, run: Run) -> None:
        """Show the newest frame; where nobody watches, nothing."""
        now = perf_counter()
        if self._shown is None or self._task is None or now - self._drawn < REFRESH:
            return
        self._drawn, source, frames = now, frame.source, run.tally.frames
        if self._before is None:
            self._before = frames - 1 if run.resumed else 0
        self._shown.update(
            self._task,
            description="stopping" if run.stopping.is_set() else plain(source.name),
            total=source.length,
            completed=frames,
            counts=_counts(frame, frames, (frames - self._before) / (now - self._began)),
        )

    def work(self, done: int, total: int, what: str) -> None:
        """Show how far another piece of work is; a stage tells it with `Run.advance`.

        It may go by several names in turn, as the epochs of a training do, and the time left is that of all of it.
        """
        if self._shown is None:
            return
        known = next((task for task in self._shown.tasks if task.id == self._work), None)
        if known and known.total == total and known.completed <= done:
            self._shown.update(known.id, description=plain(what), completed=done)
            return
        if known:
            self._shown.remove_task(known.id)
        self._work = self._shown.add_task(plain(what), total=total, completed=done, counts="")


@contextmanager
def bar(console: Stderr) -> Iterator[Bar]:
    """Give a bar; it shows nothing where nobody watches."""
    if not console.lively:
        yield Bar()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        yield Bar(progress)


def _counts(frame: Frame, frames: int, rate: float) -> str:
    of = f"/{frame.source.length}" if frame.source.length else ""
    return f"{frames}{of} frames, {pace(rate, 1)}, {number(len(frame.faces), 'face')} now"


@contextmanager
def batch_bar(console: Stderr, jobs: int) -> Iterator[Callable[[Frames | Result], None]]:
    """Give a function that shows how many inputs and frames are done; where nobody watches, it shows nothing."""
    if not console.lively:
        yield lambda _event: None
        return
    columns = (
        TextColumn("{task.completed}/{task.total} inputs", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("", total=jobs, counts="")
        began, frames, failed = perf_counter(), 0, 0

        def show(event: Frames | Result) -> None:
            nonlocal frames, failed
            if isinstance(event, Frames):
                frames += event.count
            else:
                failed += bool(event.error)
                progress.advance(task)
            rate = f"{number(frames, 'frame')}, {pace(frames, perf_counter() - began)}"
            progress.update(task, counts=rate + (f", {failed} failed" if failed else ""))

        yield show


def message(console: Stderr, told: Message) -> None:
    """Print what a worker logs."""
    style = "yellow" if told.level >= logging.WARNING else ""
    console.print(Text(f"fervid: {told.label}: {told.text}", style=style))
