"""What one writes after a week: PyAV reads, the detector sees a small copy, ONNX Runtime classifies in 32-bit floats.

Reading, looking and writing overlap, and no picture is converted without need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from loops.finding import boxes, detector
from loops.threads import ahead, written
from loops.writing import Box, annotate, table

from fervid.models.crop import crop
from fervid.models.runtime import open_classifier

WIDTH = 256
"""Pixels of the copy that the detector sees."""


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> tuple[int, int]:
    """Return how many frames there were, and faces in them."""
    classify = open_classifier(model, "onnx", precision="fp32")
    with detector() as find:
        counts = [one(clip, out, encoder, find, classify) for clip in clips]
    return sum(frames for frames, _ in counts), sum(faces for _, faces in counts)


def one(clip: Path, out: Path, encoder: str | None, find: Any, classify: Callable[[Any], Any]) -> tuple[int, int]:
    """Read one clip."""
    frames = faces = 0
    with (
        written(out / f"{clip.stem}.mp4", encoder) as write,
        table(out / f"{clip.stem}.csv") as rows,
        closing(ahead(read(clip))) as pictures,
    ):
        for image, rate in pictures:
            if found := search(find, image):
                every = classify(np.stack([crop(image, box, None, 48) for box in found]))
                for box, scores in zip(found, every, strict=True):
                    rows.writerow([frames, *box, *scores])
                    if encoder:
                        annotate(image, box, scores)
            write(partial(cv2.cvtColor, image, cv2.COLOR_BGR2YUV_I420), rate)
            frames, faces = frames + 1, faces + len(found)
    return frames, faces


def search(find: Any, image: Any) -> list[Box]:
    """Look for faces in a small copy, averaged."""
    factor = image.shape[1] / WIDTH
    size = (WIDTH, round(image.shape[0] / factor))
    coarse = cv2.resize(image, (3 * size[0], 3 * size[1])) if factor > 3 else image
    small = cv2.resize(coarse, size, interpolation=cv2.INTER_AREA)
    return boxes(find, cv2.cvtColor(small, cv2.COLOR_BGR2RGB), factor)


def read(clip: Path) -> Iterator[tuple[Any, Fraction]]:
    """Decode in several threads, convert with OpenCV."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), stream.average_rate or Fraction(25)
