"""What one writes after a week: PyAV reads, the detector sees a small copy, ONNX Runtime classifies in 32-bit floats.

Reading, looking and writing overlap, and no picture is converted without need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from loops.finding import boxes, detector
from loops.looking import Look, added_up, ages
from loops.threads import ahead, written
from loops.writing import Box, annotate, table

from fervid.models.crop import crop
from fervid.models.runtime import open_classifier

WIDTH = 256
"""Pixels of the copy that the detector sees."""


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> dict[str, int]:
    """Count frames, and faces in them."""
    with opened(model) as look:
        return added_up(one(clip, out, encoder, look) for clip in clips)


def live(pictures: Iterable[tuple[Any, float]], model: str) -> dict[str, list[float]]:
    """How old each picture is when it can be shown."""
    with opened(model) as look, closing(ahead(iter(pictures))) as taken:
        return {"ages": ages(taken, look)}


def one(clip: Path, out: Path, encoder: str | None, look: Look) -> tuple[int, int]:
    """Read one clip."""
    frames = faces = 0
    with (
        written(out / f"{clip.stem}.mp4", encoder) as write,
        table(out / f"{clip.stem}.csv") as rows,
        closing(ahead(read(clip))) as pictures,
    ):
        for image, rate in pictures:
            for box, scores in look(image):
                rows.writerow([frames, *box, *scores])
                faces += 1
                if encoder:
                    annotate(image, box, scores)
            write(partial(cv2.cvtColor, image, cv2.COLOR_BGR2YUV_I420), rate)
            frames += 1
    return frames, faces


@contextmanager
def opened(model: str) -> Iterator[Look]:
    """The detector on a small copy, ONNX Runtime on all faces of a picture."""
    classify = open_classifier(model, "onnx", precision="fp32")
    with detector() as find:

        def look(image: Any) -> list[tuple[Box, Any]]:
            found = search(find, image)
            crops = [crop(image, box, None, 48) for box in found]
            return list(zip(found, classify(np.stack(crops)), strict=True)) if found else []

        yield look


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
