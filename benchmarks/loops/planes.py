"""What one writes after a month: pictures stay in I420 from the decoder to the encoder, and faces go in batches.

Small copies are shrunk from the planes, crops are cut from the luma, boxes are painted on it; ONNX Runtime classifies
the faces of eight frames at once, in 8-bit integers where fervid does. Decoding, looking, classifying and writing each
have a thread, and OpenCV has no more of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from loops.finding import boxes, detector
from loops.looking import added_up
from loops.threads import ahead, written
from loops.writing import Box, annotate, table

from fervid.models.crop import crop
from fervid.models.runtime import open_classifier

WIDTH = 256
"""Pixels of the copy that the detector sees."""
BATCH = 8
"""Frames whose faces are classified at once."""
WHITE = 235


class Seen(NamedTuple):
    """A picture as its planes, one below the other, and the faces in it."""

    planes: Any
    rate: Fraction
    boxes: list[Box]
    crops: list[Any]


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> dict[str, int]:
    """Count frames, and faces in them."""
    cv2.setNumThreads(1)
    classify = open_classifier(model, "onnx")
    with detector() as find:
        return added_up(one(clip, out, encoder, find, classify) for clip in clips)


def one(clip: Path, out: Path, encoder: str | None, find: Any, classify: Callable[[Any], Any]) -> tuple[int, int]:
    """Read one clip."""
    frames = faces = 0
    with (
        written(out / f"{clip.stem}.mp4", encoder) as write,
        table(out / f"{clip.stem}.csv") as rows,
        closing(ahead(looked(find, ahead(read(clip))))) as pictures,
    ):
        while batch := list(islice(pictures, BATCH)):
            crops = [face for seen in batch for face in seen.crops]
            every = iter(classify(np.stack(crops))) if crops else iter(())
            for seen in batch:
                for box, scores in zip(seen.boxes, every, strict=False):
                    rows.writerow([frames, *box, *scores])
                    if encoder:
                        annotate(seen.planes[: len(seen.planes) * 2 // 3], box, scores, WHITE)
                write(partial(np.asarray, seen.planes), seen.rate)
                frames, faces = frames + 1, faces + len(seen.boxes)
    return frames, faces


def looked(find: Any, pictures: Iterator[tuple[Any, Any, Fraction]]) -> Iterator[Seen]:
    """Look for faces in the small copy, cut them from the luma."""
    for planes, small, rate in pictures:
        luma = planes[: len(planes) * 2 // 3]
        found = boxes(find, small, planes.shape[1] / WIDTH)
        yield Seen(planes, rate, found, [crop(luma, box, None, 48) for box in found])


def read(clip: Path) -> Iterator[tuple[Any, Any, Fraction]]:
    """Decode in several threads, shrink from the planes."""
    shrink = VideoReformatter()
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        size = WIDTH, round(stream.height * WIDTH / stream.width)
        for frame in container.decode(stream):
            small = shrink.reformat(frame, *size, format="rgb24", interpolation=Interpolation.AREA)
            yield frame.to_ndarray(), small.to_ndarray(), stream.average_rate or Fraction(25)
