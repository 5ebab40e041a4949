"""detect, track, emotions, smooth and csv, with draw and video where one is wanted: does more than the loops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import time
from typing import Any

from fervid.pipeline import Pipeline

CHAIN = """
stages:
  - file: {{path: "{clip}"}}
  - detect
  - track
  - emotions: {{model: "{model}"}}
  - smooth
{video}
  - csv: {{path: "{out}/fervid.csv"}}
"""
LIVE = "stages: [standin, detect, track, emotions, smooth, draw]"
VIDEO = """
  - draw
  - video: {{path: "{out}/fervid.mp4", codec: {encoder}, audio: false}}
"""


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> dict[str, int]:
    """Count frames, and faces in them."""
    frames = faces = 0
    for clip in clips:
        video = VIDEO.format(out=out, encoder=encoder) if encoder else ""
        for frame in Pipeline.parse(CHAIN.format(clip=clip, out=out, model=model, video=video)):
            frames, faces = frames + 1, faces + len(frame.faces)
    return {"frames": frames, "faces": faces}


def live(pictures: Iterable[tuple[Any, float]], model: str) -> dict[str, list[float]]:
    """How old each picture is when it can be shown."""
    from loops.standin import StandIn

    with StandIn.shows(pictures):
        chain = Pipeline.parse(LIVE, {"emotions.model": model})
        return {"ages": [time() - frame.wall_time.timestamp() for frame in chain if frame.wall_time]}
