"""Let parts of a hand-written loop work at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
from loops.writing import Writer

T = TypeVar("T")
AHEAD = 4
"""Items that wait between two threads."""


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Make items in another thread, some ahead."""
    ready: queue.Queue[T | None] = queue.Queue(AHEAD)
    errors: list[Exception] = []

    def produce() -> None:
        try:
            for item in items:
                ready.put(item)
        except Exception as error:
            errors.append(error)
        ready.put(None)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not None:
        yield item
    for error in errors:
        raise error


@contextmanager
def written(path: Path, encoder: str | None) -> Iterator[Callable[[Callable[[], Any], Fraction], None]]:
    """Give what takes functions that make pictures in I420, and encodes these in another thread.

    Without an encoder it drops them.
    """
    if encoder is None:
        yield lambda _picture, _rate: None
        return
    waiting: queue.Queue[tuple[Callable[[], Any], Fraction] | None] = queue.Queue(AHEAD)
    thread = threading.Thread(target=_write, args=(waiting, path, encoder), daemon=True)
    thread.start()
    yield lambda picture, rate: waiting.put((picture, rate))
    waiting.put(None)
    thread.join()


def _write(waiting: queue.Queue[tuple[Callable[[], Any], Fraction] | None], path: Path, encoder: str) -> None:
    writer = None
    while (item := waiting.get()) is not None:
        frame = av.VideoFrame.from_ndarray(item[0](), format="yuv420p")
        writer = writer or Writer(path, frame.width, frame.height, item[1], encoder)
        writer.write(frame)
    if writer:
        writer.close()
