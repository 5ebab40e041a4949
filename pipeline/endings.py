"""Tell videos and pictures by the endings of their names, where nothing else says what a file is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

VIDEOS = frozenset(
    f".{ending}"
    for ending in (
        "3gp asf avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv".split()  # noqa: SIM905
    )
)

PICTURES = frozenset(
    f".{ending}"
    for ending in "avif bmp gif j2k jfif jp2 jpe jpeg jpg jpx pgm png pnm ppm tif tiff webp".split()  # noqa: SIM905
)


def ending(path: Path) -> str:
    """That of a name, for those who count them."""
    return path.suffix.lower() or "without an ending"


def counted(kinds: Iterable[str]) -> str:
    """How many there are of each kind of file, most first: `2 .txt, 1 .heic`."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(sorted(kinds)).most_common())
