"""Show how far a run is, and at its end what came of it."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fervid.pipeline.batch.workers import Frames, Message, Result
from fervid.pipeline.errors import plain
from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import FACES, Frame
from fervid.pipeline.record import Run, losses
from fervid.pipeline.run import Timing
from fervid.pipeline.tally import Numbers, Tally, number, summed_up
from fervid.pipeline.terminal.console import Stderr

COLOURS = {
    "angry": "red",
    "disgust": "green",
    "fear": "magenta",
    "happy": "yellow",
    "sad": "blue",
    "surprise": "cyan",
    "neutral": "white",
    "uncertain": "bright_black",
}
REFRESH = 0.1  # seconds between two updates of the bar
BAR = 40  # characters of the stacked bar of emotions


class Bar:
    """How far a run is, drawn anew on one line, and below it how far work is that sees no frames."""

    def __init__(self, shown: Progress | None = None) -> None:
        self._shown = shown
        self._task = shown.add_task("starting", total=None, counts="") if shown else None
        self._works: dict[str, TaskID] = {}
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
        """Show how far another piece of work is; a stage tells it with `Run.advance`."""
        if self._shown is None:
            return
        if what not in self._works:
            for task in self._works.values():
                self._shown.remove_task(task)
            self._works = {what: self._shown.add_task(plain(what), counts="")}
        self._shown.update(self._works[what], completed=done, total=total)


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
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        yield Bar(progress)


def _counts(frame: Frame, frames: int, rate: float) -> str:
    of = f"/{frame.source.length}" if frame.source.length else ""
    return f"{frames}{of} frames, {rate:.0f} a second, {number(len(frame.faces), 'face')} now"


def summary(console: Stderr, run: Run, seconds: float) -> None:
    """Print what was read, what was found, what was lost and where the outputs are."""
    assert run.source
    tally = run.tally
    rate = f", {tally.frames / seconds:.0f} a second" if tally.frames and not run.resumed else ""
    done = f": {number(tally.frames, 'frame')} in {duration(seconds)}{rate}"
    console.print(Text.assemble((run.source.name, "bold"), done))
    if tally.faces:
        tracks = f", {number(len(tally.tracks), 'track')}" if tally.tracks else ""
        _row(console, "faces", Text(f"{tally.faces}{tracks}"))
    elif FACES in run.facts:
        _row(console, "faces", Text("none found"))
    for fact in summed_up(run.facts):
        _fact(console, fact, tally)
    for label, text in run.lines.items():
        _row(console, label, Text(text))
    for sentence in losses(run):
        _row(console, "lost", Text(sentence, style="yellow"))
    written(console, run)


def _fact(console: Stderr, fact: Fact[Any], tally: Tally) -> None:
    told = [column for column in fact.columns if column.summed_up]
    for column in told:
        label = fact.words if len(told) == 1 else column.name
        if column.name in tally.texts:
            _shown(console, label, tally.texts[column.name])
        elif column.name in tally.numbers:
            _row(console, label, Text(_range(tally.numbers[column.name], column.unit)))


def _shown(console: Stderr, label: str, counts: Counter[str]) -> None:
    """The shares of words, as numbers and as a bar."""
    _row(console, label, _shares(counts))
    if console.lively:
        _row(console, "", _stacked(counts))


def _range(of: Numbers, unit: str) -> str:
    mean = f"mean {of.total / of.count:.4g}{f' {unit}' if unit else ''}"
    return f"{mean}, {of.least:.4g} to {of.most:.4g}"


def written(console: Stderr, run: Run) -> None:
    """Print where the outputs are."""
    for path in run.outputs:
        _row(console, "written", Text(str(path), style="green"))


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
            rate = f"{number(frames, 'frame')}, {frames / (perf_counter() - began):.0f} a second"
            progress.update(task, counts=rate + (f", {failed} failed" if failed else ""))

        yield show


def message(console: Stderr, told: Message) -> None:
    """Print what a worker logs."""
    style = "yellow" if told.level >= logging.WARNING else ""
    console.print(Text(f"fervid: {told.label}: {told.text}", style=style))


def finished(console: Stderr, result: Result) -> None:
    """Print that an input is done, or that it failed: why stands in the summary."""
    if result.error or result.stopped:
        line = Text(f"{result.label}: {'failed' if result.error else 'stopped'}", style="red" if result.error else "")
    else:
        rate = f", {result.frames / result.seconds:.0f} a second" if result.seconds else ""
        line = Text(f"{result.label}: {number(result.frames, 'frame')} in {duration(result.seconds)}{rate}")
    console.print(line)


def batch_summary(console: Stderr, results: Sequence[Result], out: Path, seconds: float) -> None:
    """Print what became of the inputs: those that failed and those that lost something one by one."""
    told = [result for result in results if result.error or result.losses]
    width = max((len(result.label) for result in told), default=0)
    for result in told:
        what = Text(result.error or "; ".join(result.losses), style="red" if result.error else "yellow")
        console.print(Text.assemble(f"{result.label:<{width}}  ", what))
    stopped = sum(result.stopped for result in results)
    failed = sum(bool(result.error) and not result.stopped for result in results)
    counts = [f"{len(results) - failed - stopped} of {number(len(results), 'input')} done"]
    counts += [f"{failed} failed"] if failed else []
    counts += [f"{stopped} stopped"] if stopped else []
    frames = sum(result.frames for result in results)
    rate = f"{number(frames, 'frame')} in {duration(seconds)}, {frames / seconds:.0f} a second"
    console.print(Text.assemble((", ".join(counts), "bold"), f": {rate}"))
    if stopped:
        console.print("The same command with --skip-done goes on with what is left.")
    if frames and out.exists():
        _row(console, "written", Text(str(out), style="green"))


def profile(console: Stderr, timings: Sequence[Timing], frames: int, start: float, seconds: float) -> None:
    """Print what each stage cost: to begin, and a frame behind the first one, which came out after `start` seconds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for heading in ("start-up s", "ms a frame", "waiting", "share of time"):
        table.add_column(heading, justify="right")
    each, rest = 1000 / max(frames - 1, 1), max(seconds - start, 1e-9)
    for one in timings:
        costs = (f"{one.start:.2f}", f"{one.worked * each:.2f}", f"{one.waited * each:.2f}", f"{one.worked / rest:.0%}")
        table.add_row(one.stage, *costs)
    table.add_row("all", f"{start:.2f}", f"{rest * each:.2f}", "", "100%", style="bold")
    console.print(table)
    console.print("Stages overlap in threads, so shares add up to more than 100%; start-up is apart.", style="dim")


def _shares(emotions: Counter[str]) -> Text:
    total = emotions.total()
    line = Text()
    for label, count in emotions.most_common():
        line.append(", " if line else "").append(f"{label} {count / total:.0%}", style=COLOURS.get(label, ""))
    return line


def _stacked(emotions: Counter[str]) -> Text:
    line, reached = Text(), 0
    for label, count in emotions.most_common():
        reached += count
        cells = round(BAR * reached / emotions.total()) - len(line)
        line.append("█" * cells, style=COLOURS.get(label, ""))
    return line


def _row(console: Stderr, label: str, text: Text) -> None:
    console.print(Text.assemble((f"  {label:<9} ", "dim"), text))


def duration(seconds: float) -> str:
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
