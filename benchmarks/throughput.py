"""Frames a second of fervid beside two hand-written loops: the naive one, and the best overlapped one.

python benchmarks/throughput.py talk.mp4 [--sizes 360,720,1080] [--encoders h264,mpeg4] [--rounds 5]

All three read the same clip, find faces with MediaPipe's short-range model, classify them with the same network and
write a CSV and an annotated video with the same encoder, preset and quality. Runs are interleaved; medians and the
ratios of each round are printed.

naive        OpenCV reads, the detector sees the whole picture, torch classifies, one thing after the other
overlapped   PyAV reads, the detector sees a small copy, ONNX Runtime classifies; reading, looking and writing overlap
fervid       detect, track, emotions, smooth, draw, video, csv: does more for each frame than both loops
"""

from __future__ import annotations

import argparse
import csv
import queue
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import cv2
import ffmpeg
import imageio_ffmpeg
import mediapipe
import numpy as np
import torch
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

from fervid.models import checkpoint, zoo
from fervid.models.crop import crop
from fervid.models.runtime import open_classifier
from fervid.pipeline import EMOTIONS, Pipeline

OPTIONS = {"h264": {"preset": "veryfast", "crf": "23"}, "mpeg4": {"qmin": "4", "qmax": "4"}}
CODECS = {"h264": "libx264", "mpeg4": "mpeg4"}
CHAIN = """
stages:
  - file: {{path: "{clip}"}}
  - detect
  - track
  - emotions: {{model: "{model}"}}
  - smooth
  - draw
  - video: {{path: "{out}/fervid.mp4", codec: {encoder}, audio: false}}
  - csv: {{path: "{out}/fervid.csv"}}
"""


def main() -> None:
    """Print a line for each size and encoder."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("clip", type=Path)
    arguments.add_argument("--model", default="fervid", help="weights for all three")
    arguments.add_argument("--sizes", default="360,720,1080")
    arguments.add_argument("--encoders", default="h264,mpeg4")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, given.sizes.split(",")):
            clip = scaled(given.clip, size, Path(folder))
            for encoder in given.encoders.split(","):
                compare(clip, size, encoder, given.model, given.rounds, Path(folder))


def compare(clip: Path, size: int, encoder: str, model: str, rounds: int, out: Path) -> None:
    """Run the three in turn and print medians and ratios."""
    loops: dict[str, Callable[[], int]] = {
        "naive": lambda: naive(clip, out, encoder, model),
        "overlapped": lambda: overlapped(clip, out, encoder, model),
        "fervid": lambda: fervid(clip, out, encoder, model),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name, loop in loops.items():
            began = perf_counter()
            frames = loop()
            if number:  # the first round warms caches up
                rates[name].append(frames / (perf_counter() - began))
    medians = "  ".join(f"{name} {statistics.median(values):.0f}" for name, values in rates.items())
    ratios = {
        name: statistics.median([mine / other for mine, other in zip(rates["fervid"], rates[name], strict=True)])
        for name in ("naive", "overlapped")
    }
    ratio = "  ".join(f"fervid/{name} {value:.2f}" for name, value in ratios.items())
    print(f"{size}p {encoder:5}  frames/s: {medians}   {ratio}", flush=True)


def fervid(clip: Path, out: Path, encoder: str, model: str) -> int:
    """The pipeline."""
    return sum(1 for _ in Pipeline.parse(CHAIN.format(clip=clip, out=out, encoder=encoder, model=model)))


def naive(clip: Path, out: Path, encoder: str, model: str) -> int:
    """What one writes first."""
    _, network = checkpoint.load(zoo.weights(model).with_suffix(".safetensors"))
    mean, std = float(network.mean), float(network.std)  # type: ignore[arg-type]
    capture = cv2.VideoCapture(str(clip))
    rate = Fraction(capture.get(cv2.CAP_PROP_FPS)).limit_denominator(1001)
    count = 0
    with detector() as find, table(out / "naive.csv") as rows, torch.inference_mode():
        writer = None
        while True:
            good, image = capture.read()
            if not good:
                break
            writer = writer or Writer(out / "naive.mp4", image.shape, rate, encoder)
            seen = find.detect(picture(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
            for box in boxes(seen, 1.0):
                face = torch.from_numpy(crop(image, box, None, 48)).float()[None, None] / 255
                scores = torch.softmax(network((face - mean) / std)[0], 0).numpy()
                rows.writerow([count, *box, *scores])
                annotate(image, box, scores)
            writer.write(av.VideoFrame.from_ndarray(image, format="bgr24"))
            count += 1
        if writer:
            writer.close()
    return count


def overlapped(clip: Path, out: Path, encoder: str, model: str) -> int:
    """What one writes after a week of measuring: three threads, small copies, no needless conversion."""
    written: queue.Queue[Any] = queue.Queue(4)
    thread = threading.Thread(target=write_all, args=(written, out / "overlapped.mp4", encoder))
    thread.start()
    classify, count = open_classifier(model, "onnx"), 0
    with detector() as find, table(out / "overlapped.csv") as rows, closing(ahead(read(clip))) as frames:
        for image, rate in frames:
            factor = image.shape[1] / 256
            size = (256, round(image.shape[0] / factor))
            coarse = cv2.resize(image, (3 * size[0], 3 * size[1])) if factor > 3 else image
            small = cv2.resize(coarse, size, interpolation=cv2.INTER_AREA)
            found = boxes(find.detect(picture(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))), factor)
            if found:
                every = classify(np.stack([crop(image, box, None, 48) for box in found]))
                for box, scores in zip(found, every, strict=True):
                    rows.writerow([count, *box, *scores])
                    annotate(image, box, scores)
            written.put((image, rate))
            count += 1
    written.put(None)
    thread.join()
    return count


def read(clip: Path) -> Iterator[tuple[Any, Fraction]]:
    """Decode in several threads, convert with OpenCV."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), stream.average_rate or Fraction(25)


def ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Make items in another thread, four ahead."""
    ready: queue.Queue[Any] = queue.Queue(4)

    def produce() -> None:
        for item in items:
            ready.put(item)
        ready.put(None)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not None:
        yield item


def write_all(frames: queue.Queue[Any], path: Path, encoder: str) -> None:
    """Encode what comes until None."""
    writer = None
    while (item := frames.get()) is not None:
        image, rate = item
        writer = writer or Writer(path, image.shape, rate, encoder)
        writer.write(av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p"))
    if writer:
        writer.close()


class Writer:
    """An encoder with the options that all three share."""

    def __init__(self, path: Path, shape: tuple[int, ...], rate: Fraction, encoder: str) -> None:
        self.container = av.open(str(path), "w")
        self.stream: Any = self.container.add_stream(CODECS[encoder], rate=rate, options=OPTIONS[encoder])
        self.stream.height, self.stream.width = shape[:2]
        self.stream.pix_fmt = "yuv420p"
        self.count = 0

    def write(self, frame: av.VideoFrame) -> None:
        frame.pts = self.count
        self.count += 1
        self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.container.mux(self.stream.encode())
        self.container.close()


class table:  # noqa: N801 - reads as what it opens
    """A CSV that is flushed by every row, as fervid's is."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", newline="", buffering=1)

    def __enter__(self) -> Any:
        writer = csv.writer(self.file)
        writer.writerow(["frame", "x1", "y1", "x2", "y2", *EMOTIONS])
        return writer

    def __exit__(self, *_: object) -> None:
        self.file.close()


def detector() -> Any:
    """MediaPipe's short-range model from its own package."""
    model = Path(mediapipe.__file__).parent / "modules/face_detection/face_detection_short_range.tflite"
    return FaceDetector.create_from_options(FaceDetectorOptions(BaseOptions(model_asset_path=str(model))))


def picture(rgb: Any) -> Any:
    """What the detector takes."""
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)


def boxes(seen: Any, factor: float) -> list[tuple[float, float, float, float]]:
    """Corners in pixels of the full picture."""
    found = [one.bounding_box for one in seen.detections]
    return [
        (b.origin_x * factor, b.origin_y * factor, (b.origin_x + b.width) * factor, (b.origin_y + b.height) * factor)
        for b in found
    ]


def annotate(image: Any, box: tuple[float, float, float, float], scores: Any) -> None:
    """A box and a word."""
    x1, y1, x2, y2 = map(int, box)
    cv2.rectangle(image, (x1, y1), (x2, y2), (0, 255, 0), 2)
    cv2.putText(image, EMOTIONS[int(scores.argmax())], (x1, y1 - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 255, 0), 2)


def scaled(clip: Path, height: int, folder: Path) -> Path:
    """The clip at another height."""
    out = folder / f"{height}.mp4"
    stream = ffmpeg.input(str(clip)).video.filter("scale", -2, height)
    stream.output(str(out), vcodec="libx264", crf=20, preset="veryfast", pix_fmt="yuv420p").run(
        cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True, overwrite_output=True
    )
    return out


if __name__ == "__main__":
    main()
