"""Many short videos: each way from its command to its end, start-up within."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rivals import Process, Rival, Took

COMMAND = "from fervid.pipeline.terminal.cli import main; main()"
CHAIN = """
stages:
  - file: {path: talk.mp4}
  - detect
  - track
  - emotions
  - smooth
  - csv: {path: "out/{name}.csv"}
"""


def copies(clip: Path, folder: Path, count: int) -> list[Path]:
    """The clip under many names."""
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copyfile(clip, folder / f"{number:03}.mp4")) for number in range(count)]


def cold(rival: Rival, clips: Sequence[Path], frames: int) -> Took:
    """Read clips of so many frames each to CSVs, in a process that is started for it."""
    with tempfile.TemporaryDirectory() as out:
        began, spent = perf_counter(), _processor()
        (_command if rival.loop == "fervid" else _loop)(rival, clips, Path(out))
        return Took(len(clips) * frames, 0, perf_counter() - began, _processor() - spent)


def _command(rival: Rival, clips: Sequence[Path], out: Path) -> None:
    chain = out / "chain.yaml"
    chain.write_text(CHAIN)
    batch = ["batch", str(chain), str(clips[0].parent), "--out", str(out / "out"), "--quiet"]
    subprocess.run([rival.python, "-c", COMMAND, *batch], check=True, env=rival.environment())


def _loop(rival: Rival, clips: Sequence[Path], out: Path) -> None:
    with (out / "errors").open("w+") as errors:
        process = Process(rival, errors)
        process.read(clips)
        process.child.communicate()


def _processor() -> float:
    """Seconds of processor time of all processes that have ended."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime
