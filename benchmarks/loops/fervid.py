"""detect, track, emotions, smooth and csv, with draw and video where one is wanted: does more than the loops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
VIDEO = """
  - draw
  - video: {{path: "{out}/fervid.mp4", codec: {encoder}, audio: false}}
"""


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> tuple[int, int]:
    """Return how many frames there were, and faces in them."""
    frames = faces = 0
    for clip in clips:
        video = VIDEO.format(out=out, encoder=encoder) if encoder else ""
        for frame in Pipeline.parse(CHAIN.format(clip=clip, out=out, model=model, video=video)):
            frames, faces = frames + 1, faces + len(frame.faces)
    return frames, faces
