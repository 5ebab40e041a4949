"""Run loops for `rivals.py`: one line of JSON in, one out, in a process that stays warm."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter


def main() -> None:
    """Answer each line until there are no more; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        out = Path(job["out"])
        began, spent = perf_counter(), processor()
        run = importlib.import_module(f"loops.{job['loop']}").run
        frames, faces = run([Path(clip) for clip in job["clips"]], out, job["encoder"], job["model"])
        took = {"seconds": perf_counter() - began, "processor": processor() - spent}
        print(json.dumps({"frames": frames, "faces": faces, **took}), file=answers, flush=True)


def processor() -> float:
    """Seconds of processor time of this process, of all its threads, and of the processes that it waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
