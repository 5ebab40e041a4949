"""What the benchmarks page shows, measured: each part gives plain data."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from batch import cold, copies
from clips import made
from rivals import Process, Rival, Spread, Took, interleaved

SLOW = 120
"""Frames of a job that `fer` reads: it takes as long for them as others for ten times as many."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int = 5
    frames: int = 480
    heights: tuple[int, ...] = (360, 1080)
    """Of the jobs, in pixels."""
    sizes: tuple[int, ...] = (360, 720, 1080, 2160)
    """Over which the cost grows."""
    faces: tuple[int, ...] = (1, 4, 9)
    lengths: tuple[int, ...] = (48, 480, 4800)
    videos: int = 60
    video_frames: int = 48
    seconds: float = 10
    """Before the camera."""


QUICK = Extent(1, 24, (360,), (360, 540), (1, 4), (12, 24), 2, 12, 1)


@dataclass(frozen=True)
class Bench:
    """Where clips lie, who takes part, and who is told of each run."""

    clip: Path
    folder: Path
    extent: Extent
    ready: Mapping[str, Process]
    rivals: Mapping[str, Rival]
    done: Callable[[], None]

    def make(self, height: int = 360, faces: int = 1, frames: int | None = None) -> Path:
        return made(self.clip, self.folder, height=height, faces=faces, frames=frames or self.extent.frames)

    def taken(self, runs: Mapping[str, Callable[[], Took]]) -> Row:
        """What each took: frames a second, ms of processor time a frame, faces a frame."""
        return {
            name: {
                "rate": Spread.of([one.rate for one in took]),
                "cost": Spread.of([one.cost for one in took]),
                "faces": took[0].faces / took[0].frames,
            }
            for name, took in interleaved(runs, self.extent.rounds, self.done).items()
        }


def jobs(bench: Bench) -> Iterator[Row]:
    """Every way, at every job."""
    for encoder in (None, "h264"):
        for height in bench.extent.heights:
            clip = bench.make(height)
            runs = {name: partial(one.read, [clip], encoder) for name, one in bench.ready.items()}
            if "fer" in runs:
                short = bench.make(height, frames=min(SLOW, bench.extent.frames))
                runs["fer"] = partial(bench.ready["fer"].read, [short], encoder)
            yield {"job": encoder or "csv", "height": height, "ways": bench.taken(runs)}


def growth(bench: Bench) -> Iterator[Row]:
    """fervid's csv only, over the size of pictures, the number of faces, and the length."""
    extent = bench.extent
    sizes = [("size", height, {"height": height}) for height in extent.sizes]
    faces = [("faces", count, {"height": 720, "faces": count}) for count in extent.faces]
    lengths = [("length", frames, {"frames": frames}) for frames in extent.lengths]
    for over, value, how in (*sizes, *faces, *lengths):
        clip = bench.make(**how)
        runs = {name: partial(bench.ready[name].read, [clip]) for name in ("fervid", "before") if name in bench.ready}
        yield {"over": over, "value": value, "ways": bench.taken(runs)}


def batch(bench: Bench) -> Iterator[Row]:
    """Many short videos to CSVs."""
    extent = bench.extent
    clips = copies(bench.make(frames=extent.video_frames), bench.folder / "videos", extent.videos)
    able = {name: one for name, one in bench.rivals.items() if name != "before"}
    runs = {name: partial(cold, one, clips, extent.video_frames) for name, one in able.items()}
    yield {"videos": len(clips), "frames": extent.video_frames, "ways": bench.taken(runs)}


def live(bench: Bench) -> Iterator[Row]:
    """How old the pictures of a camera are, each way that can watch one."""
    extent = bench.extent
    clip = bench.make(720, frames=min(90, extent.frames))
    able = {name: one for name, one in bench.ready.items() if name not in ("planes", "before")}
    runs = {name: partial(one.watch, clip, extent.seconds) for name, one in able.items()}
    found = interleaved(runs, extent.rounds, bench.done)
    yield {"seconds": extent.seconds, "ways": {name: watched(rounds, extent.seconds) for name, rounds in found.items()}}


def watched(rounds: Sequence[Sequence[float]], seconds: float) -> Row:
    """Median and 95th percentile of the ages in ms, without the first tenth; pictures taken in a second."""
    steady = [ages[len(ages) // 10 :] for ages in rounds]
    tails = [statistics.quantiles(ages, n=20)[-1] if len(ages) > 1 else ages[0] for ages in steady]
    return {
        "median": Spread.of([1000 * statistics.median(ages) for ages in steady]),
        "tail": Spread.of([1000 * age for age in tails]),
        "rate": Spread.of([len(ages) / seconds for ages in rounds]),
    }


PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {"jobs": jobs, "growth": growth, "batch": batch, "live": live}


def runs(part: str, extent: Extent, ways: Mapping[str, Rival]) -> int:
    """How many runs a part has, for a bar."""
    counts = {
        "jobs": 2 * len(extent.heights) * len(ways),
        "growth": len(extent.sizes + extent.faces + extent.lengths) * len(ways.keys() & {"fervid", "before"}),
        "batch": len(ways.keys() - {"before"}),
        "live": len(ways.keys() - {"before", "planes"}),
    }
    return counts[part] * extent.rounds
