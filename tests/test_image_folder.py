"""Folders of faces named after emotions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import drawn
import numpy as np
import pytest
from PIL import Image

from fervid.models.target import TARGET
from fervid.pipeline import EMOTIONS, Frame, Pipeline, Run
from fervid.pipeline.errors import InputError

NAMES = ("anger", "Disgust", "fear", "happiness", "sad", "surprised", "neutral")


def fill(folder: Path, count: int, size: tuple[int, int] = (48, 48)) -> Path:
    random = np.random.default_rng(0)
    for emotion, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for n in range(count):
            cv2.imwrite(str(folder / name / f"{n}.png"), cv2.resize(drawn.face(emotion, random), size))
    return folder


def read(path: Path, **options: object) -> list[Frame]:
    return run(path, **options)[0]


def run(path: Path, **options: object) -> tuple[list[Frame], Run]:
    given = {f"image_folder.{k}": str(v) for k, v in {"path": path, **options}.items()}
    pipeline = Pipeline.parse("stages: [image_folder]", given)
    return list(pipeline), pipeline.run


def splits(frames: list[Frame]) -> Counter[tuple[str, int | None]]:
    return Counter((target.split, target.emotion) for frame in frames if (target := frame[TARGET]))


def test_a_share_of_each_emotion_is_held_out(tmp_path: Path) -> None:
    fill(tmp_path / "train", 10)
    fill(tmp_path / "test", 2)
    frames = read(tmp_path, validation=0.2)
    for emotion in range(len(EMOTIONS)):
        assert [splits(frames)[split, emotion] for split in ("train", "validation", "test")] == [8, 2, 2]
    again, other = read(tmp_path, validation=0.2), read(tmp_path, validation=0.2, seed=2)
    chosen = [[target.split for frame in one if (target := frame[TARGET])] for one in (frames, again, other)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_small_share_is_at_least_one_of_each(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    kept = splits(read(tmp_path, validation=0.01))
    assert [kept["validation", emotion] for emotion in range(len(EMOTIONS))] == [1] * 7
    assert not any(split == "validation" for split, _ in splits(read(tmp_path, validation=0.0)))


def test_a_validation_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path / "Train", 3)
    fill(tmp_path / "val", 2)
    assert sum(splits(read(tmp_path, split="validation")).values()) == 14


def test_emotions_may_lie_beside_a_test_folder(tmp_path: Path) -> None:
    fill(fill(tmp_path, 10) / "test", 2)
    counts = Counter(target.split for frame in read(tmp_path) if (target := frame[TARGET]))
    assert counts == {"train": 63, "validation": 7, "test": 14}


def test_an_emotion_beside_a_train_folder_is_not_lost_in_silence(tmp_path: Path) -> None:
    fill(tmp_path / "train", 1)
    (tmp_path / "sad").mkdir()
    with pytest.raises(InputError, match="sad: lies beside train, not in it; move it there or elsewhere"):
        read(tmp_path)


def test_two_folders_of_one_split_are_not_halved_in_silence(tmp_path: Path) -> None:
    for name in ("train", "val", "valid"):
        fill(tmp_path / name, 1)
    with pytest.raises(InputError, match="valid: is the same split as val; join them or move one elsewhere"):
        read(tmp_path)


def test_a_picture_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    Image.new("L", (12_000, 12_000)).save(tmp_path / NAMES[0] / "0.png")
    with pytest.raises(InputError, match=r"0\.png: its 12000 x 12000 pixels are more than fervid reads"):
        read(tmp_path)


def test_any_size_becomes_one(tmp_path: Path) -> None:
    frames = read(fill(tmp_path, 1, size=(200, 100)))
    assert {frame.image.shape for frame in frames} == {(48, 48, 3)}
    assert np.ptp(frames[0].image[:11, :, 0].mean(1)) < 12  # the border is repeated above and below, not stretched


def test_a_missing_class(tmp_path: Path) -> None:
    fill(tmp_path / "train", 1)
    (tmp_path / "train" / "sad" / "0.png").unlink()
    with pytest.raises(InputError, match="sad: holds no pictures"):
        read(tmp_path)
    (tmp_path / "train" / "sad").rmdir()
    with pytest.raises(InputError, match="train: has no folder for sad; all seven emotions are needed"):
        read(tmp_path)


def test_an_unknown_class(tmp_path: Path) -> None:
    fill(tmp_path / "train", 1)
    (tmp_path / "train" / "bored").mkdir()
    with pytest.raises(InputError, match="'bored' is no emotion; there are angry, disgust"):
        read(tmp_path)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    (tmp_path / "sad" / "1.png").write_text("not a picture")
    (tmp_path / "sad" / ".DS_Store").write_text("")
    huge = b"P5 100000 100000 255\n"
    (tmp_path / NAMES[0] / "0.png").write_bytes(huge)
    with pytest.raises(InputError, match=r"0\.png: is larger than fervid reads; remove it"):
        read(tmp_path)
    frames, made = run(tmp_path, on_error="skip")
    assert (len(frames), made.lost.damaged) == (12, 2)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no such folder"):
        read(tmp_path / "none")
    with pytest.raises(InputError, match="has no folder for angry"):
        read(tmp_path)
