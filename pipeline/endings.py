"""Tell videos and pictures by the endings of their names, where nothing else says what a file is."""

from __future__ import annotations

VIDEOS = frozenset(
    f".{ending}"
    for ending in (
        "3gp asf avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv".split()  # noqa: SIM905
    )
)

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
