"""The summary adds up and says what was lost."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from fervid.pipeline.batch.workers import Result
from fervid.pipeline.frame import FACES, Source
from fervid.pipeline.record import Lost, Run, losses
from fervid.pipeline.tally import Tally, share
from fervid.pipeline.terminal import summary
from fervid.pipeline.terminal.console import Stderr
from fervid.pipeline.terminal.progress import Bar
from fervid.stages.faces.emotions import EMOTION


def console(lively: bool = False) -> Stderr:
    made = Stderr()
    made.file = io.StringIO()
    made._force_terminal = lively
    return made


def text(made: Stderr) -> str:
    assert isinstance(made.file, io.StringIO)
    return made.file.getvalue()


def run(tally: Tally, name: str = "talk", length: int | None = None, **known: Any) -> Run:
    """The notebook of a run that has ended."""
    return Run(source=Source(name, 8, 8, length=length), tally=tally, **known)


def test_names_are_printed_as_they_are() -> None:
    out = console()
    long = f"[red]{'x' * 200}:smile:"
    summary.summary(out, run(Tally(frames=1), long), 2.0)
    assert text(out) == f"{long}: 1 frame in 2.0 s, 0.5 a second\n"


def test_a_name_cannot_command_the_terminal() -> None:
    out = console()
    summary.summary(out, run(Tally(frames=1), "evil\x1b]0;title\x07\x1b[2J\rm\x9b2J\n"), 2.0)
    assert text(out) == "evil?]0;title?[2Jm?2J\n: 1 frame in 2.0 s, 0.5 a second\n"


def test_a_long_run_is_told_in_minutes() -> None:
    out = console()
    summary.summary(out, run(Tally(frames=6000), facts=[FACES]), 125.2)
    assert text(out) == "talk: 6000 frames in 2 min 5 s, 48 a second\n  faces     none found\n"
    assert [summary.duration(seconds) for seconds in (3.14, 59.97, 119.7)] == ["3.1 s", "1 min 0 s", "2 min 0 s"]


def test_shares_are_sorted_and_drawn_to_their_full_width() -> None:
    tally = Tally(frames=8, faces=8, tracks={1, 2})
    tally.texts["emotion"] = Counter({"sad": 1, "happy": 4, "uncertain": 3})
    out = console(lively=True)
    summary.summary(out, run(tally, facts=[FACES, EMOTION]), 1.0)
    assert "8, 2 tracks" in text(out)
    assert [text(out).index(one) for one in ("happy 50%", "uncertain 38%", "sad 12%")] == sorted(
        text(out).index(one) for one in ("happy 50%", "uncertain 38%", "sad 12%")
    )
    assert text(out).count("█") == summary.BAR


@pytest.mark.parametrize(
    ("known", "sentences"),
    [
        ({}, []),
        ({"length": 90}, []),
        ({"cut": "interrupted", "length": 90}, ["stopped after 60 of about 90 frames"]),
        ({"cut": "interrupted", "read": 60}, ["stopped behind the last frame, before all was done"]),
        ({"cut": "truncated"}, ["the input ends early (truncated): 60 frames"]),
        ({"damaged": 1}, ["1 damaged packet or image, passed over or shown with its faults"]),
        ({"missing": 2}, ["its times leave room for 2 more frames: lost, or never recorded"]),
        ({"dropped": 40}, ["40 frames (40%) dropped to keep up with the source"]),
    ],
)
def test_losses_are_sentences(known: dict[str, Any], sentences: list[str]) -> None:
    length, read = known.pop("length", None), known.pop("read", None)
    assert losses(run(Tally(), length=length, read=read, lost=Lost(**known)), 60) == sentences
    assert Lost(**known).anything == bool(sentences)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0%"), (1, 1000, "<1%"), (1, 100, "1%"), (1, 199, "1%"), (999, 1000, ">99%"), (9, 9, "100%"), (0, 0, "0%")],
)
def test_a_little_is_not_nothing(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_the_time_left_is_that_of_all_epochs() -> None:
    clock = 0.0
    with Progress(console=console(lively=True), get_time=lambda: clock) as shown:
        bar = Bar(shown)
        for done in range(1, 9):
            clock += 10
            bar.work(done, 10, f"epoch {(done + 4) // 5} of 2")
        (_, task) = shown.tasks
        assert (task.description, task.completed, task.time_remaining) == ("epoch 2 of 2", 8, 20)
        bar.work(1, 3, "something else")
        (_, task) = shown.tasks
        assert (task.description, task.completed, task.total) == ("something else", 1, 3)


def test_a_batch_tells_stopped_from_failed_and_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    out = console()
    results = [
        Result("a.mp4", frames=10, seconds=1),
        Result("long name.mp4", error="no such file"),
        Result("c.mp4", stopped=True, frames=5, losses=["stopped after 5 frames"]),
        Result("d.mp4", stopped=True),
    ]
    summary.batch_summary(out, results, Path("out"), 3.0)
    assert text(out) == (
        "long name.mp4  no such file\n"
        "c.mp4          stopped after 5 frames\n"
        "1 of 4 inputs done, 1 failed, 2 stopped: 15 frames in 3.0 s, 5 a second\n"
        "The same command with --skip-done goes on with what is left.\n"
        "  written   out\n"
    )
