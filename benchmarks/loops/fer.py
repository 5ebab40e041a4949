"""PyPI's `fer` as its own description shows it: the cascade finds faces, its network reads them, its class writes.

Its video is MPEG-4 by OpenCV whatever encoder the others use.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import time
from typing import Any

from fer.classes import Video
from fer.fer import FER
from fer.utils import draw_annotations


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> dict[str, int]:
    """Count frames, and faces in those in which it found any."""
    os.chdir(out)  # it writes data.csv there
    detector, frames, faces = FER(), 0, 0
    for clip in clips:
        video = Video(str(clip), outdir=str(out))
        rows = video.analyze(detector, save_frames=False, save_video=bool(encoder), annotate_frames=bool(encoder))
        frames += video.frameCount
        faces += sum(key.startswith("box") for row in rows for key in row)
    return {"frames": frames, "faces": faces}


def live(pictures: Iterable[tuple[Any, float]], model: str) -> dict[str, list[float]]:
    """How old each picture is when it can be shown."""
    detector, ages = FER(), []
    for image, moment in pictures:
        draw_annotations(image, detector.detect_emotions(image))
        ages.append(time() - moment)
    return {"ages": ages}
