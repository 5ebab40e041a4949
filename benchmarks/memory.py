"""Whether memory stays flat on a long video: resident memory every 500 frames or less, and its slope.

python benchmarks/memory.py talk.mp4 [--frames 50000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from clips import repeated
from machine import resident

from fervid.pipeline import Pipeline

CHAIN = """
stages:
  - file: {{path: "{out}/long.mp4"}}
  - detect
  - track
  - emotions
  - smooth
  - draw
  - video: {{path: "{out}/annotated.mp4", preset: ultrafast}}
  - csv: {{path: "{out}/rows.csv"}}
"""
WARM_UP = 5_000  # frames until pools and caches have their size


def main() -> None:
    """Print resident memory at the beginning and the end, and MB a 10,000 frames between."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("clip", type=Path)
    arguments.add_argument("--frames", type=int, default=50_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repeated(given.clip, Path(folder, "long.mp4"))
        began, seen, every = perf_counter(), [], max(1, min(500, given.frames // 20))
        for number, _ in enumerate(Pipeline.parse(CHAIN.format(out=folder)), 1):
            if number % every == 0:
                seen.append((number, resident()))
            if number == given.frames:
                break
        rate = number / (perf_counter() - began)
    measured = np.array([one for one in seen if one[0] >= min(WARM_UP, number // 2)])
    slope = np.polyfit(measured[:, 0], measured[:, 1], 1)[0] * 10_000
    print(f"{number} frames at {rate:.0f} frames/s: {measured[0, 1]:.0f} MB at frame {measured[0, 0]:.0f}, ", end="")
    print(
        f"{measured[-1, 1]:.0f} MB at the end, most {measured[:, 1].max():.0f}; slope {slope:+.2f} MB a 10,000 frames"
    )


if __name__ == "__main__":
    main()
