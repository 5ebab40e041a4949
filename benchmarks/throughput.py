"""Frames a second and processor time of fervid beside hand-written loops, and beside another revision of itself.

python benchmarks/throughput.py talk.mp4 [--jobs csv,h264] [--sizes 360,1080] [--faces 1,4] [--rounds 5]
    [--loops naive,overlapped,planes] [--against FOLDER] [--fer PYTHON]

All read the same clip and write the same: a CSV (`csv`), or a CSV and an annotated video with the same encoder, preset
and quality (`h264`, `mpeg4`). Each way is a file in `loops/`, which says what it does; each runs in a warm process of
its own, in turn with all others. Counted is what a call takes, opening of models among it, and not the imports.
`--against` takes a folder that holds the package `fervid` of another revision, such as `.src` of another checkout.
`--fer` takes the python of an environment into which PyPI's `fer` is installed.

Medians are printed, with the least and the most; ratios are those of each round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path

from clips import made
from rich.console import Console
from rich.progress import Progress
from rivals import Process, Rival, Spread, Took, interleaved, ratios, started

LOOPS = "naive,overlapped,planes"


def main() -> None:
    """Print a table for each job, size and number of faces."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("clip", type=Path)
    arguments.add_argument("--jobs", default="csv,h264")
    arguments.add_argument("--sizes", default="360,1080", help="heights in pixels")
    arguments.add_argument("--faces", default="1", help="1, 4 or 9: tiles that each show the clip")
    arguments.add_argument("--frames", type=int, help="length, from the beginning again where needed")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--loops", default=LOOPS, help="none leaves them out")
    arguments.add_argument("--against", type=Path, metavar="FOLDER")
    arguments.add_argument("--fer", metavar="PYTHON")
    arguments.add_argument("--model", default="fervid", help="weights for all but fer")
    given = arguments.parse_args()
    numbers = [[int(one) for one in text.split(",")] for text in (given.sizes, given.faces)]
    cases = list(product(*numbers, given.jobs.split(",")))
    found = rivals(given.loops, given.against, given.fer)
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True), transient=True) as shown:
        make = partial(made, given.clip, Path(folder), frames=given.frames)
        task = shown.add_task("", total=len(cases) * given.rounds * len(found))
        with started(found, made(given.clip, Path(folder), frames=24)) as ready:
            for height, faces, job in cases:
                runs = at_work(ready, [make(height=height, faces=faces)], job, given.model)
                taken = interleaved(runs, given.rounds, partial(shown.advance, task))
                print(f"{job}, {height}p, {faces} {'face' if faces == 1 else 'faces'}\n{table(taken)}\n", flush=True)


def rivals(loops: str, against: Path | None, fer: str | None) -> dict[str, Rival]:
    """Who takes part, fervid first."""
    if against and not (against / "fervid" / "__init__.py").is_file():
        sys.exit(f"{against}: holds no package fervid, with fervid/__init__.py")
    found = {"fervid": Rival("fervid")}
    if against:
        found["before"] = Rival("fervid", package=against)
    found |= {name: Rival(name) for name in loops.split(",") if name != "none"}
    return found | ({"fer": Rival("fer", python=fer)} if fer else {})


def at_work(ready: Mapping[str, Process], clips: Sequence[Path], job: str, model: str) -> dict[str, Callable[[], Took]]:
    """What each does."""
    encoder = None if job == "csv" else job
    return {name: partial(process.read, clips, encoder, model) for name, process in ready.items()}


def table(taken: Mapping[str, Sequence[Took]]) -> str:
    """A line for each: how fast it was, what it cost, and fervid beside it."""
    head = f"{'':12} {'frames/s':>18} {'processor ms/frame':>22} {'faces':>6}   fervid/it: frames/s, processor time"
    return "\n".join([head, *(line(name, taken["fervid"], took) for name, took in taken.items())])


def line(name: str, ours: Sequence[Took], took: Sequence[Took]) -> str:
    """One of them."""
    rate, cost = Spread.of([one.rate for one in took]), Spread.of([one.cost for one in took])
    rates, costs = ratios(ours, took)
    beside = "" if took is ours else f"   {rates.show(2)}, {costs.show(2)}"
    return f"{name:12} {rate.show():>18} {cost.show(2):>22} {took[0].faces:6}{beside}"


if __name__ == "__main__":
    main()
