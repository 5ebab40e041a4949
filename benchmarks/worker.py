"""Run loops for `rivals.py`: one line of JSON in, one out, in a process that stays warm."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any


def main() -> None:
    """Answer each line until there are no more; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        loop = importlib.import_module(f"loops.{job.pop('loop')}")
        began, spent = perf_counter(), process_time()
        made = watch(loop, **job) if "seconds" in job else read(loop, **job)
        took = {"seconds": perf_counter() - began, "processor": process_time() - spent}
        print(json.dumps({**made, **took}), file=answers, flush=True)


def read(loop: Any, clips: list[str], out: str, encoder: str | None, model: str) -> dict[str, int]:
    """Read files."""
    return dict(loop.run([Path(clip) for clip in clips], Path(out), encoder, model))


def watch(loop: Any, clip: str, seconds: float, model: str) -> dict[str, list[float]]:
    """Watch a camera."""
    from loops.camera import camera

    return dict(loop.live(camera(Path(clip), seconds), model))


if __name__ == "__main__":
    main()
