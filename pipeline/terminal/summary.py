"""Say at the end of a run what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from fervid.pipeline.batch.workers import Result
from fervid.pipeline.fact import Fact
from fervid.pipeline.frame import FACES
from fervid.pipeline.record import Run, losses
from fervid.pipeline.tally import Numbers, Tally, number, pace, share, summed_up
from fervid.pipeline.terminal.console import Stderr
from fervid.pipeline.timing import Timing

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
BAR = 40  # characters of the stacked bar of emotions
FEW = 5  # outputs of one kind that are named one by one

Row = tuple[str, Text]


def summary(console: Stderr, run: Run, seconds: float) -> None:
    """Print what was read, what was found, what was lost and where the outputs are."""
    assert run.source
    frames = run.tally.frames
    rate = f", {pace(frames, seconds)}" if frames and not run.resumed else ""
    console.print(Text.assemble((run.source.name, "bold"), f": {number(frames, 'frame')} in {duration(seconds)}{rate}"))
    rows = [*_found(run, bars=console.lively), *((label, Text(text)) for label, text in run.lines.items())]
    rows += [("lost", Text(sentence, style="yellow")) for sentence in losses(run, frames)]
    _print(console, [*rows, *_written(run)])


def written(console: Stderr, run: Run) -> None:
    """Print where the outputs are."""
    _print(console, _written(run))


def _print(console: Stderr, rows: Sequence[Row]) -> None:
    width = max([9, *(len(label) for label, _ in rows)])
    for label, text in rows:
        console.print(Text.assemble((f"  {label:<{width}} ", "dim"), text))


def _written(run: Run) -> list[Row]:
    """Each output, and of many of one kind in one folder how many there are."""
    kinds: dict[Path, list[Path]] = {}
    for path in run.outputs:
        kinds.setdefault(path.parent / f"*{path.suffix}", []).append(path)
    told: list[str] = []
    for kind, paths in kinds.items():
        told += [f"{kind} ({len(paths)} files)"] if len(paths) > FEW else map(str, paths)
    return [("written", Text(line, style="green")) for line in told]


def _found(run: Run, *, bars: bool) -> Iterator[Row]:
    tally = run.tally
    if tally.faces:
        tracks = f", {number(len(tally.tracks), 'track')}" if tally.tracks else ""
        yield "faces", Text(f"{tally.faces}{tracks}")
    elif FACES in run.facts:
        yield "faces", Text("none found")
    for fact in summed_up(run.facts):
        yield from _fact(fact, tally, bars)


def _fact(fact: Fact[Any], tally: Tally, bars: bool) -> Iterator[Row]:
    told = [column for column in fact.columns if column.summed_up]
    for column in told:
        label = fact.words if len(told) == 1 else column.name
        if counts := tally.texts.get(column.name):
            yield label, _shares(counts)
            yield from [("", _stacked(counts))] if bars else []
        elif numbers := tally.numbers.get(column.name):
            yield label, Text(_range(numbers, column.unit))


def _range(of: Numbers, unit: str) -> str:
    mean = f"mean {of.total / of.count:.4g}{f' {unit}' if unit else ''}"
    return f"{mean}, {of.least:.4g} to {of.most:.4g}"


def finished(console: Stderr, result: Result) -> None:
    """Print that an input is done, or that it failed and why."""
    if result.error or result.stopped:
        what = f"failed: {result.error}" if result.error else "stopped"
        line = Text(f"{result.label}: {what}", style="red" if result.error else "")
    else:
        rate = f", {pace(result.frames, result.seconds)}" if result.seconds else ""
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
    rate = f"{number(frames, 'frame')} in {duration(seconds)}, {pace(frames, seconds)}"
    console.print(Text.assemble((", ".join(counts), "bold"), f": {rate}"))
    if stopped:
        console.print("The same command with --skip-done goes on with what is left.")
    if frames and out.exists():
        _print(console, [("written", Text(str(out), style="green"))])


def profile(console: Stderr, timings: Sequence[Timing], frames: int, start: float, seconds: float) -> None:
    """Print what each stage cost: to begin, and a frame behind the first one, which came out after `start` seconds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for heading in ("start-up s", "ms a frame", "waiting", "share of time"):
        table.add_column(heading, justify="right")
    each, rest = 1000 / max(frames - 1, 1), max(seconds - start, 1e-9)
    for one in timings:
        costs = (f"{one.start:.2f}", f"{one.worked * each:.2f}", f"{one.waited * each:.2f}", share(one.worked, rest))
        table.add_row(one.stage, *costs)
    table.add_row("all", f"{start:.2f}", f"{rest * each:.2f}", "", "100%", style="bold")
    console.print(table)
    console.print("Stages overlap in threads, so shares add up to more than 100%; start-up is apart.", style="dim")


def _shares(emotions: Counter[str]) -> Text:
    total = emotions.total()
    line = Text()
    for label, count in emotions.most_common():
        line.append(", " if line else "").append(f"{label} {share(count, total)}", style=COLOURS.get(label, ""))
    return line


def _stacked(emotions: Counter[str]) -> Text:
    line, reached = Text(), 0
    for label, count in emotions.most_common():
        reached += count
        cells = round(BAR * reached / emotions.total()) - len(line)
        line.append("█" * cells, style=COLOURS.get(label, ""))
    return line


def duration(seconds: float) -> str:
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
