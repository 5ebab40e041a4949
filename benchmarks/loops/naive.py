"""What one writes first: OpenCV reads, the detector sees the whole picture, torch classifies, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import torch
from loops.finding import boxes, detector
from loops.looking import Look, added_up, ages
from loops.writing import Box, Writer, annotate, table

from fervid.models import checkpoint, zoo
from fervid.models.crop import crop


def run(clips: Sequence[Path], out: Path, encoder: str | None, model: str) -> dict[str, int]:
    """Count frames, and faces in them."""
    with opened(model) as look:
        return added_up(one(clip, out, encoder, look) for clip in clips)


def live(pictures: Iterable[tuple[Any, float]], model: str) -> dict[str, list[float]]:
    """How old each picture is when it can be shown."""
    with opened(model) as look:
        return {"ages": ages(pictures, look)}


def one(clip: Path, out: Path, encoder: str | None, look: Look) -> tuple[int, int]:
    """Read one clip."""
    frames, faces, writer = 0, 0, None
    with table(out / f"{clip.stem}.csv") as rows:
        for image, rate in read(clip):
            for box, scores in look(image):
                rows.writerow([frames, *box, *scores])
                faces += 1
                if encoder:
                    annotate(image, box, scores)
            if encoder:
                writer = writer or Writer(out / f"{clip.stem}.mp4", image.shape[1], image.shape[0], rate, encoder)
                writer.write(av.VideoFrame.from_ndarray(image, format="bgr24"))
            frames += 1
    if writer:
        writer.close()
    return frames, faces


@contextmanager
def opened(model: str) -> Iterator[Look]:
    """Torch, in 32-bit floats, one face after the other."""
    _, network = checkpoint.load(zoo.weights(model).with_suffix(".safetensors"))
    mean, std = float(network.mean), float(network.std)  # type: ignore[arg-type]

    def classify(image: Any, box: Box) -> Any:
        face = torch.from_numpy(crop(image, box, None, 48)).float()[None, None] / 255
        return torch.softmax(network((face - mean) / std)[0], 0).numpy()

    with detector() as find, torch.inference_mode():
        yield lambda image: [(b, classify(image, b)) for b in boxes(find, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))]


def read(clip: Path) -> Iterator[tuple[Any, Fraction]]:
    """Pictures in BGR, with the frames a second."""
    capture = cv2.VideoCapture(str(clip))
    rate = Fraction(capture.get(cv2.CAP_PROP_FPS)).limit_denominator(1001)
    while True:
        good, image = capture.read()
        if not good:
            return
        yield image, rate
