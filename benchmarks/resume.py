"""Kill a run at random moments and resume it each time: its outputs must be those of a run that was never killed.

python benchmarks/resume.py CLIP.mp4 CLIP.gif --kills 10
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FERVID = str(Path(sys.executable).with_name("fervid"))
CHAIN = """
threads: {threads}
stages:
  - {source}
  - detect: {{every: {every}}}
  - track
  - quality
  - emotions: {{predicted: {predicted}}}
  - smooth
  - draw
  - video: {{path: out.mp4}}
  - csv: {{path: out.csv}}
"""
STEP = 0.5
"""Seconds of video between two marks."""


def run(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [FERVID, "run", "../run.yaml", *options]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def finished(folder: Path, *options: str) -> None:
    """Run to the end."""
    process = run(folder, *options)
    _, said = process.communicate()
    if process.returncode:
        sys.exit(said)


def killed(folder: Path, kills: int, whole: int, chance: random.Random) -> list[int]:
    """Kill and resume so often, each time behind some part of a table of `whole` bytes; return where it went on."""
    begun: list[int] = []
    part = folder / "out.csv.part"
    for number in range(kills + 1):
        before = part.stat().st_size if part.exists() else 0
        process = run(folder, "--checkpoint", str(STEP), "--resume")
        if number < kills:
            enough = before + chance.random() * 1.6 * whole / kills
            while process.poll() is None and not (part.exists() and part.stat().st_size > enough):
                time.sleep(0.005)
            process.kill()
        _, said = process.communicate()
        begun += [int(line.rpartition(" ")[2]) for line in said.splitlines() if "resumed at frame" in line]
        if process.returncode == 0:
            break
        if process.returncode > 0:
            sys.exit(said)
    return begun


def pictures(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray()) for frame in container.decode(video=0)]  # type: ignore[misc]


def sound(path: Path) -> list[tuple[Any, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(audio=0) if container.streams.audio else ()
        return [(packet.pts, bytes(packet)) for packet in packets if packet.size]


def likeness(one: Path, other: Path) -> float:
    """PSNR of all planes of all frames, in dB; times must be the same."""
    a, b = pictures(one), pictures(other)
    assert [when for when, _ in a] == [when for when, _ in b], "other frames or times"
    errors = [np.square(p.astype(np.float32) - q).mean() for (_, p), (_, q) in zip(a, b, strict=True)]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


def check(name: str, kills: int, seed: int, **chain: Any) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "run.yaml").write_text(CHAIN.format(**chain))
        folders = {kind: root / kind for kind in ("plain", "kept", "killed")}
        for folder in folders.values():
            folder.mkdir()
        finished(folders["plain"])
        finished(folders["kept"], "--checkpoint", str(STEP))
        whole = (folders["plain"] / "out.csv").stat().st_size
        begun = killed(folders["killed"], kills, whole, random.Random(seed))
        files = [sorted(path.name for path in folder.iterdir()) for folder in folders.values()]
        plain, kept, last = (folder / "out.mp4" for folder in folders.values())
        table = last.with_suffix(".csv").read_bytes() == plain.with_suffix(".csv").read_bytes()
        told = [
            f"csv {'the same' if table else 'DIFFERS'}",
            f"sound {'the same' if sound(last) == sound(plain) else 'DIFFERS'}",
            f"{likeness(last, plain):.1f} dB to the run without marks",
            f"{'the very' if last.read_bytes() == kept.read_bytes() else 'OTHER'} bytes of the one with marks",
            "nothing left over" if files[0] == files[2] else f"LEFT OVER: {files[2]}",
            f"resumed at {begun}",
        ]
        print(f"{name}: {', '.join(told)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args(arguments)
    sources = {clip.name: f"file: {{path: '{clip.absolute()}'}}" for clip in given.clips}
    sources["demo"] = "demo: {faces: 4, frames: 240}"
    for number, (name, source) in enumerate(sources.items()):
        for threads in ("true", "false"):
            check(
                f"{name}, threads {threads}",
                given.kills,
                number,
                source=source,
                threads=threads,
                every=1,
                predicted="false",
            )
    name, source = next(iter(sources.items()))
    check(f"{name}, every 3", given.kills, 99, source=source, threads="true", every=3, predicted="true")


if __name__ == "__main__":
    main()
