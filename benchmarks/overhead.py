"""What the engine itself costs: microseconds a stage a frame, for stages that do nothing.

python benchmarks/overhead.py
"""

from __future__ import annotations

import statistics
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import ClassVar

import numpy as np
from rivals import interleaved

from fervid.pipeline import FRAMES, Frame, Frames, Pipeline, Source, Stage, register

COUNT = 50_000
STAGES = 10


@register("benchmark_source")
@dataclass(frozen=True)
class BenchmarkSource(Stage):
    """The same small picture again and again."""

    needs = ()
    gives = (FRAMES,)

    def run(self, frames: Frames) -> Generator[Frame]:
        source, image = Source("nothing", 8, 8), np.zeros((8, 8, 3), np.uint8)
        for index in range(COUNT):
            yield Frame(index, index / 25, image, source)


@register("benchmark_pass")
@dataclass(frozen=True)
class BenchmarkPass(Stage):
    """Hand every frame on."""

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:  # noqa: UP028 - a real stage has a body here
            yield frame


@register("benchmark_detached")
@dataclass(frozen=True)
class BenchmarkDetached(BenchmarkPass):
    """Hand every frame on, from another thread."""

    detached: ClassVar[bool] = True


def seconds(stages: list[Stage]) -> float:
    """Wall time of a whole run."""
    began = perf_counter()
    for _ in Pipeline(stages):
        pass
    return perf_counter() - began


def main() -> None:
    """Print the medians of interleaved runs."""
    chains = {
        "source alone": [BenchmarkSource()],
        "a stage": [BenchmarkSource(), *[BenchmarkPass()] * STAGES],
        "a stage behind a thread hand-over": [BenchmarkSource(), *[BenchmarkDetached()] * 3],
    }
    runs = {name: partial(seconds, list(stages)) for name, stages in chains.items()}
    times = {name: [1e6 * took / COUNT for took in taken] for name, taken in interleaved(runs, 5).items()}
    base = statistics.median(times.pop("source alone"))
    print(f"source alone: {base:.2f} us a frame, {COUNT} frames, median of 5")
    for name, measured in times.items():
        count = len(chains[name]) - 1
        print(f"{name}: {(statistics.median(measured) - base) / count:.2f} us a frame")


if __name__ == "__main__":
    main()
