"""Make the README's picture anew: one annotated frame of the demo. Run it as `python docs/picture.py`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import cv2

from fervid.pipeline import Pipeline

FRAME = 20
STAGES = "demo: {frames: 21}, detect, track, emotions: {}, smooth, draw"
PICTURE = Path(__file__).with_name("annotated.png")


def main(model: str = "fervid") -> None:
    """Draw with the network that ships, or another one."""
    stages = "\n".join(f"- {stage}" for stage in STAGES.split(", "))
    *_, frame = islice(Pipeline.parse(f"stages:\n{stages}\n", {"emotions.model": model}), FRAME + 1)
    cv2.imwrite(str(PICTURE), frame.image, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main(*sys.argv[1:])
