"""Show how far a run is, and at its end what came of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fervid.pipeline.console import Stderr
from fervid.pipeline.frame import Frame, Source
from fervid.pipeline.run import Timing

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
                description="stopping" if source.stopping.is_set() else source.name,
                total=source.length,
                completed=tally.frames,
                counts=_counts(frame, tally, now - began),
            )

        yield show


def _counts(frame: Frame, tally: Tally, seconds: float) -> str:
    of = f"/{frame.source.length}" if frame.source.length else ""
    rate = f"{tally.frames / seconds:.0f} a second"
    return f"{tally.frames}{of} frames, {rate}, {_number(len(frame.faces), 'face')} now"


def summary(console: Stderr, tally: Tally, source: Source, seconds: float) -> None:
    """Print what was read, what was found, what was lost and where the outputs are."""
    rate = f", {tally.frames / seconds:.0f} a second" if tally.frames else ""
    done = f": {_number(tally.frames, 'frame')} in {_duration(seconds)}{rate}"
    console.print(Text.assemble((source.name, "bold"), done))
    if tally.faces:
        tracks = f", {_number(len(tally.tracks), 'track')}" if tally.tracks else ""
        _row(console, "faces", Text(f"{tally.faces}{tracks}"))
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


def losses(source: Source, frames: int) -> list[str]:
    """Say, one sentence each, what of the input is not in the outputs."""
    of = f" of about {source.length}" if source.length else ""
    sentences = []
    if source.cut == "interrupted":
        sentences.append(f"stopped after {frames}{of} frames")
    elif source.cut:
        sentences.append(f"the input ends early ({source.cut}): {frames}{of} frames")
    if source.damaged:
        sentences.append(
            f"{_number(source.damaged, 'damaged packet or image', 'damaged packets or images')} passed over"
        )
    if source.dropped:
        share = source.dropped / (source.dropped + frames)
        sentences.append(f"{_number(source.dropped, 'frame')} ({share:.0%}) dropped to keep up with the source")
    return sentences


def profile(console: Stderr, timings: Sequence[Timing], frames: int, seconds: float) -> None:
    """Print what each stage cost."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for heading in ("ms a frame", "waiting", "share of time"):
        table.add_column(heading, justify="right")
    for timing in timings:
        each = 1000 / max(frames, 1)
        share = f"{timing.worked / seconds:.0%}"
        table.add_row(timing.stage, f"{timing.worked * each:.2f}", f"{timing.waited * each:.2f}", share)
    table.add_row("all", f"{seconds * 1000 / max(frames, 1):.2f}", "", "100%", style="bold")
    console.print(table)
    console.print("Stages overlap in threads, so shares add up to more than 100%; start-up is included.", style="dim")


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


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
