"""Run several ways to the same result in turn, each in a warm process of its own, and compare what they take."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

T = TypeVar("T")
WORKER = str(Path(__file__).with_name("worker.py"))


class Took(NamedTuple):
    """What one run took: from the call to the last file closed, models opened within; imports are done before."""

    frames: int
    faces: int
    seconds: float
    processor: float
    """Seconds of processor time, of all threads."""

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of processor time a frame."""
        return 1000 * self.processor / self.frames


class Spread(NamedTuple):
    """The median of several runs, and the least and most of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def show(self, decimals: int = 0) -> str:
        median, low, high = (f"{value:.{decimals}f}" for value in self)
        return median if low == high else f"{median} ({low} to {high})"


@dataclass(frozen=True)
class Rival:
    """One way: a file of `loops`, in an interpreter, with another `fervid` than this one's where `package` names it."""

    loop: str
    python: str = sys.executable
    package: Path | None = None
    """The folder that holds `fervid`."""

    def start(self, errors: IO[str]) -> subprocess.Popen[str]:
        """A process that takes jobs as lines; see `worker.py`."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.python, WORKER], stdin=pipe, stdout=pipe, stderr=errors, text=True, env=self.environment()
        )

    def environment(self) -> dict[str, str]:
        """In which its `fervid` is found."""
        paths = [str(self.package.resolve())] if self.package else []
        paths += filter(None, [os.environ.get("PYTHONPATH")])
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class Process:
    """A rival at work."""

    def __init__(self, rival: Rival, errors: IO[str]) -> None:
        self.rival, self.errors = rival, errors
        self.child = rival.start(errors)

    def read(self, clips: Sequence[Path], encoder: str | None = None, model: str = "fervid") -> Took:
        """Read files; what is written is removed.

        Raises:
            RuntimeError: the rival failed; the end of what it printed.
        """
        with tempfile.TemporaryDirectory() as out:
            return Took(**self._ask(clips=list(map(str, clips)), out=out, encoder=encoder, model=model))

    def watch(self, clip: Path, seconds: float, model: str = "fervid") -> list[float]:
        """Watch a camera; return how many seconds old each picture was when it could be shown."""
        return list(self._ask(clip=str(clip), seconds=seconds, model=model)["ages"])

    def _ask(self, **job: Any) -> dict[str, Any]:
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(json.dumps({"loop": self.rival.loop, **job}) + "\n")
        self.child.stdin.flush()
        if line := self.child.stdout.readline():
            return dict(json.loads(line))
        self.errors.seek(0)
        raise RuntimeError(f"{self.rival.loop} failed:\n{self.errors.read()[-2000:]}")


@contextmanager
def started(rivals: Mapping[str, Rival], warm_up: Path) -> Iterator[dict[str, Process]]:
    """Start each and let it read one clip, so that all is loaded; end them at last."""
    with ExitStack() as stack:
        processes = {}
        for name, rival in rivals.items():
            process = Process(rival, stack.enter_context(tempfile.TemporaryFile("w+")))
            stack.callback(process.child.communicate)
            process.read([warm_up])
            processes[name] = process
        yield processes


def interleaved(
    runs: Mapping[str, Callable[[], T]], rounds: int, done: Callable[[], None] = lambda: None
) -> dict[str, list[T]]:
    """Run all of them in each round, every other one backwards; `done` is called behind each run."""
    taken: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: -1 if number % 2 else 1]:
            taken[name].append(runs[name]())
            done()
    return taken


def ratios(ours: Sequence[Took], others: Sequence[Took]) -> tuple[Spread, Spread]:
    """How many times the others' frames a second are ours, and how much of their processor time, round by round."""
    pairs = list(zip(ours, others, strict=True))
    return Spread.of([a.rate / b.rate for a, b in pairs]), Spread.of([a.cost / b.cost for a, b in pairs])
