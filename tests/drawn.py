"""Labelled faces for tests: drawn, so that a network can learn them in seconds without any data."""

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fervid.pipeline.frame import EMOTIONS

USAGES = {"Training": 12, "PublicTest": 4, "PrivateTest": 4}
"""How many faces of each emotion a split has."""


def face(emotion: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A noisy head whose mouth and brows depend on the emotion."""
    image = np.full((48, 48), 90, np.uint8)
    x, y = random.integers(-2, 3, 2).tolist()
    cv2.ellipse(image, (24 + x, 24 + y), (17, 21), 0, 0, 360, 190, -1)
    angle, opening = (emotion % 4) * 45, 2 + 3 * (emotion // 4)
    cv2.ellipse(image, (24 + x, 34 + y), (9, opening), angle, 0, 360, 30, -1)
    for side in (-8, 8):
        cv2.ellipse(image, (24 + x + side, 18 + y), (3, 1 + emotion // 2), 0, 0, 360, 40, -1)
    return (image + random.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)


def rows(seed: int = 0) -> list[list[str]]:
    """Emotion, pixels and Usage of a small FER2013."""
    random = np.random.default_rng(seed)
    return [
        [str(emotion), " ".join(map(str, face(emotion, random).ravel())), usage]
        for usage, count in USAGES.items()
        for _ in range(count)
        for emotion in range(len(EMOTIONS))
    ]


def write(path: Path, table: list[list[str]], header: str = "emotion,pixels,Usage") -> Path:
    """Write a csv as Kaggle has it."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *table])
    return path


def votes(path: Path, table: list[list[str]]) -> Path:
    """Write FER+'s csv for it: eight voters say the label, two see contempt."""
    order = (4, 5, 6, 1, 3, 2, 0)
    lines = []
    for number, (emotion, _, usage) in enumerate(table):
        counts = [0] * 10
        counts[order[int(emotion)]], counts[7] = 8, 2
        lines.append([usage, f"fer{number:07d}.png", *map(str, counts)])
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    return write(path, lines, head)
