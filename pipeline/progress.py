"""Show how far a run is, and at its end what came of it."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fervid.pipeline.console import Stderr
from fervid.pipeline.errors import plain
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.run import Timing
from fervid.pipeline.tally import Tally, losses, number
from fervid.pipeline.workers import Frames, Message, Result

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


@contextmanager
def bar(console: Stderr) -> Iterator[Callable[[Frame, Tally], None]]:
    """Give a function that shows the newest frame; where nobody watches, it shows nothing."""
    if not console.lively:
        yield lambda _frame, _tally: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("starting", total=None, counts="")
        began = shown = perf_counter()

        def show(frame: Frame, tally: Tally) -> None:
            nonlocal shown
            if (now := perf_counter()) - shown < REFRESH:
                return
            shown = now
            source = frame.source
            progress.update(
                task,
                description="stopping" if source.stopping.is_set() else plain(source.name),
                total=source.length,
                completed=tally.frames,
                counts=_counts(frame, tally, now - began),
            )

        yield show


def _counts(frame: Frame, tally: Tally, seconds: float) -> str:
    of = f"/{frame.source.length}" if frame.source.length else ""
    rate = f"{tally.frames / seconds:.0f} a second"
    return f"{tally.frames}{of} frames, {rate}, {number(len(frame.faces), 'face')} now"


def summary(console: Stderr, tally: Tally, source: Source, seconds: float, looked: bool) -> None:
    """Print what was read, what was found, what was lost and where the outputs are; `looked` for faces or not."""
    rate = f", {tally.frames / seconds:.0f} a second" if tally.frames else ""
    done = f": {number(tally.frames, 'frame')} in {duration(seconds)}{rate}"
    console.print(Text.assemble((source.name, "bold"), done))
    if tally.faces:
        tracks = f", {number(len(tally.tracks), 'track')}" if tally.tracks else ""
        _row(console, "faces", Text(f"{tally.faces}{tracks}"))
    elif looked:
        _row(console, "faces", Text("none found"))
    if tally.emotions:
        _row(console, "emotions", _shares(tally.emotions))
        if console.lively:
            _row(console, "", _stacked(tally.emotions))
    for sentence in losses(source, tally.frames):
        _row(console, "lost", Text(sentence, style="yellow"))
    written(console, source)


def written(console: Stderr, source: Source) -> None:
    """Print where the outputs are."""
    for path in source.outputs:
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
