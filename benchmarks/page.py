"""Measure fervid beside others, and write docs/benchmarks.md with its figures and its chart.

python benchmarks/page.py [talk.mp4] [--quick] [--parts jobs,growth,batch,live] [--rounds 5] [--frames 480]
    [--loops naive,overlapped,planes] [--fer PYTHON] [--against FOLDER] [--out docs]

With a clip of one face, the parts that are named are measured, and written into OUT/benchmarks.json beside those that
were measured by the same versions; without one, the page is written anew from there. All of it takes forty minutes;
`--quick` a minute, into `out/`, and its figures mean nothing. The other options are those of throughput.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from chart import draw
from clips import made
from machine import ROOT, machine, versions
from measures import PARTS, QUICK, Bench, Extent, runs
from rich.console import Console
from rich.progress import Progress
from rivals import Rival, started
from text import page
from throughput import LOOPS, rivals


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=argparse.SUPPRESS, help="of a video of the jobs")
    parser.add_argument("--loops", default=LOOPS)
    parser.add_argument("--fer", metavar="PYTHON")
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    chosen = {name: value for name, value in vars(given).items() if name in ("rounds", "frames")}
    extent = replace(QUICK if given.quick else Extent(), **chosen)
    out = given.out or (Path("out") if given.quick else ROOT / "docs")
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "benchmarks.json"
    if given.clip:
        on = {"machine": machine(), "versions": versions(given.fer), "rounds": extent.rounds, "quick": given.quick}
        ways = rivals(given.loops, given.against, given.fer)
        known = {**before(kept, on), **on, **measured(given.clip, given.parts.split(","), extent, ways)}
        kept.write_text(json.dumps({**known, "measured": f"{datetime.now(UTC):%Y-%m-%d}"}, indent=1) + "\n", "utf-8")
    write(json.loads(kept.read_text("utf-8")), out)


def before(kept: Path, on: Mapping[str, Any]) -> dict[str, Any]:
    """Parts that were measured on the same machine, with the same versions and as often."""
    known: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    return known if on.items() <= known.items() else {}


def measured(clip: Path, parts: Sequence[str], extent: Extent, ways: Mapping[str, Rival]) -> dict[str, Any]:
    """The parts, with a bar."""
    total = sum(runs(part, extent, ways) for part in parts)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("starting", total=total)
        with started(ways, made(clip, Path(folder), frames=24)) as ready:
            bench = Bench(clip, Path(folder), extent, ready, ways, partial(shown.advance, task))
            for part in parts:
                shown.update(task, description=part)
                found[part] = list(PARTS[part](bench))
    return found


def write(figures: Mapping[str, Any], out: Path) -> None:
    """The page, and its chart where there are figures for one."""
    charted = {"jobs", "growth"} <= figures.keys()
    if charted:
        draw(figures, out / "benchmarks.png")
    (out / "benchmarks.md").write_text(page(figures, charted=charted), "utf-8")


if __name__ == "__main__":
    main()
