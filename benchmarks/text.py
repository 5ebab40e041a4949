"""The benchmarks page in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rivals import Spread

Row = Mapping[str, Any]
JOBS = {"csv": "csv", "h264": "csv and h264 video"}
GROWN = {"size": "{} pixels high", "faces": "faces: {}, 720 pixels high", "length": "{} frames, 360 pixels high"}

HEAD = """# Benchmarks

Written by `python benchmarks/page.py talk.mp4 --fer PYTHON`, which measures all of it in forty minutes; `--quick` tries
it in a minute. Every figure is the median of {rounds}, in which all ways take turns on the same files; the least and
the most stand in brackets. The clip is of one face, 640 x 360; larger pictures are made of it by scaling, so they are
easier to decode than a camera's of that size. Compare ratios: another machine has other figures."""

WAYS = """- **fervid** finds, tracks, reads and steadies faces; where a video is made, it draws number, label and bars.
- **naive** is what one writes first with OpenCV, MediaPipe and torch, one thing after the other.
- **overlapped** has small copies for MediaPipe, ONNX Runtime, and threads for reading and writing.
- **planes** is the same without BGR: planes from decoder to encoder, 8-bit integers, the faces of eight frames at
  once, a thread for each step.
- **fer** is [the package of that name](https://pypi.org/project/fer/), as its description shows it: with other
  networks, and MPEG-4 where the others write H.264.
{before}
The loops (`benchmarks/loops/`) neither track nor steady, look for near faces only, and draw a box and a word. All H.264
is made with the same encoder, preset and quality, and every way opens its models within what is counted."""

BEFORE = """- **before** is another revision of fervid.
"""

ABSENT = "\n\n`fer` was not installed where this was measured."

QUICKLY = "\n\n**Tried with `--quick`, not measured: these figures mean nothing.**"


def page(figures: Mapping[str, Any], *, charted: bool) -> str:
    """The whole page, of the parts that were measured."""
    rounds = "1 round" if figures["rounds"] == 1 else f"{figures['rounds']} rounds"
    parts = [HEAD.format(rounds=rounds) + QUICKLY * figures["quick"]]
    if charted:
        parts.append("![Frames a second of each way, and of fervid over size and faces](benchmarks.png)")
    cores = int(figures["machine"]["cores"])
    sections = {"jobs": _jobs, "growth": _growth, "batch": _batch, "live": _live}
    parts += [section(figures[name], cores) for name, section in sections.items() if name in figures]
    return "\n\n".join([*parts, _machine(figures)]) + "\n"


def _jobs(rows: Sequence[Row], cores: int) -> str:
    ways = list(rows[0]["ways"])
    words = WAYS.format(before=BEFORE if "before" in ways else "") + ABSENT * ("fer" not in ways)
    names = [f"{JOBS[row['job']]}, {row['height']}p" for row in rows]
    rates, costs, floors = ([[name] for name in names] for _ in range(3))
    for number, row in enumerate(rows):
        rates[number] += [_spread(row["ways"][way]["rate"]) for way in ways]
        costs[number] += [_spread(row["ways"][way]["cost"], 1) for way in ways]
        floors[number] += _floor(row["ways"]["fervid"], cores)
    return f"""## A video

{words}

Frames a second:

{_table(["job", *ways], rates)}

Milliseconds of processor time a frame, of all threads:

{_table(["job", *ways], costs)}

The floor is what {cores} perfectly busy cores would make of fervid's own work, its processor time shared among them:

{_table(["job", "frames a second", "floor", "reached"], floors)}"""


def _growth(rows: Sequence[Row], cores: int) -> str:
    told = [
        [
            GROWN[row["over"]].format(row["value"]),
            *_floor(row["ways"]["fervid"], cores),
            _spread(row["ways"]["fervid"]["cost"], 1),
            f"{row['ways']['fervid']['faces']:.2f}",
        ]
        for row in rows
    ]
    heads = ["video", "frames a second", "floor", "reached", "ms of processor time a frame", "faces found a frame"]
    return f"""## How cost grows

With the size of the picture, the number of faces and the length, for a CSV only. Several faces are the clip in tiles.
What a short video loses, it loses to opening the models.

{_table(heads, told)}"""


def _batch(rows: Sequence[Row], cores: int) -> str:
    (row,) = rows
    count = row["videos"] * row["frames"]
    told = [
        [way, _spread(_seconds(one["rate"], count), 1), _spread(one["rate"]), _spread(one["cost"], 1)]
        for way, one in row["ways"].items()
    ]
    heads = ["way", "seconds", "frames a second", "ms of processor time a frame"]
    return f"""## Many short videos

{row["videos"]} videos of {row["frames"]} frames, 640 x 360, to a CSV each, from the command to its end, imports within.
fervid is `fervid batch`, with a process for every two cores; the loops read one video after the other
and open their models once.

{_table(heads, told)}"""


def _live(rows: Sequence[Row], cores: int) -> str:
    (row,) = rows
    told = [
        [way, _spread(one["median"], 1), _spread(one["tail"], 1), _spread(one["rate"], 1)]
        for way, one in row["ways"].items()
    ]
    heads = ["way", "median, ms", "95 of 100 within, ms", "pictures a second"]
    return f"""## A webcam

How old a picture is when its faces are drawn. A stand-in gives pictures of 1280 x 720 at their moments, 30 times a
second, whether or not anyone takes them, for {row["seconds"]:g} seconds; the first tenth of them is left out. What a
camera, its driver and a screen add is not in it.

{_table(heads, told)}"""


def _machine(figures: Mapping[str, Any]) -> str:
    machine = figures["machine"]
    rows = [[name, version] for name, version in figures["versions"].items()]
    return f"""## The machine

{machine["processor"]}, {machine["cores"]} cores, {machine["memory"]} of memory, {machine["system"]}, on
{figures["measured"]}.

{_table(["package", "version"], rows)}"""


def _floor(way: Row, cores: int) -> list[str]:
    """Frames a second, what perfectly busy cores would make of the same work, and the share of it that is reached."""
    rate, floor = way["rate"][0], 1000 * cores / way["cost"][0]
    return [_spread(way["rate"]), f"{floor:.0f}", f"{100 * rate / floor:.0f} %"]


def _seconds(rate: Sequence[float], count: int) -> list[float]:
    """Of so many frames: the fastest run took the least."""
    median, low, high = rate
    return [count / median, count / high, count / low]


def _spread(spread: Sequence[float], decimals: int = 0) -> str:
    return Spread(*spread).show(decimals)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
