"""FER2013's csv as people have it, and what is wrong with it said by line."""

from __future__ import annotations

import re
from pathlib import Path

import drawn
import numpy as np
import pytest

from fervid.models.crop import crop
from fervid.models.target import TARGET, Target
from fervid.pipeline import Frame, Pipeline, Run
from fervid.pipeline.errors import InputError


def read(path: Path, **options: object) -> list[Frame]:
    return run(path, **options)[0]


def run(path: Path, **options: object) -> tuple[list[Frame], Run]:
    given = {f"fer2013.{k}": str(v) for k, v in {"path": path, **options}.items()}
    pipeline = Pipeline.parse("stages: [fer2013]", given)
    return list(pipeline), pipeline.run


def targets(frames: list[Frame]) -> list[Target]:
    return [target for frame in frames if (target := frame[TARGET])]


def test_it_reads_pixels_labels_and_splits(tmp_path: Path) -> None:
    table = drawn.rows()
    frames = read(drawn.write(tmp_path / "fer2013.csv", table))
    assert [(str(target.emotion), target.split) for target in targets(frames)][:8:7] == [
        ("0", "train"),
        ("0", "train"),
    ]
    assert [target.split for target in targets(frames)].count("validation") == 28
    assert frames[5].image.shape == (48, 48, 3)
    assert " ".join(map(str, frames[5].image[:, :, 1].ravel())) == table[5][1]


def test_the_face_is_the_whole_picture(tmp_path: Path) -> None:
    frame = read(drawn.write(tmp_path / "fer2013.csv", drawn.rows()))[0]
    seen = crop(frame.image, frame.faces[0].box, None, 48).astype(int)
    assert np.abs(seen - frame.image[:, :, 0]).max() <= 1


def test_blanks_in_column_names_and_another_order(tmp_path: Path) -> None:
    table = [[emotion, usage, pixels] for emotion, pixels, usage in drawn.rows()]
    path = drawn.write(tmp_path / "icml_face_data.csv", table, "emotion, Usage, pixels")
    assert len(read(path)) == len(table)
    assert len(read(path, split="test")) == 28


def test_votes_are_joined_by_row(tmp_path: Path) -> None:
    table = drawn.rows()
    frames = read(drawn.write(tmp_path / "a.csv", table), votes=drawn.votes(tmp_path / "b.csv", table), split="test")
    assert targets(frames)[3].votes == (0, 8, 0, 0, 0, 0, 0, 2, 0, 0)


def test_votes_are_counts(tmp_path: Path) -> None:
    table = drawn.rows()[:7]
    votes = drawn.votes(tmp_path / "b.csv", table)
    votes.write_text(votes.read_text().replace(",8,", ",-8,", 1))
    with pytest.raises(InputError, match=r"a\.csv:2: FER\+'s votes are not all whole numbers"):
        read(drawn.write(tmp_path / "a.csv", table), votes=votes)


def test_votes_of_another_csv_are_refused(tmp_path: Path) -> None:
    table = drawn.rows()
    votes = drawn.votes(tmp_path / "b.csv", table[::-1])
    with pytest.raises(InputError, match=r"a\.csv:2: FER\+ says 'PrivateTest' where this row says 'Training'"):
        read(drawn.write(tmp_path / "a.csv", table), votes=votes)
    votes = drawn.votes(tmp_path / "b.csv", table[:10])
    with pytest.raises(InputError, match=r"a\.csv:12: FER\+ has no row for this one"):
        read(tmp_path / "a.csv", votes=votes)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, "9", "emotion is '9', not 0 to 6"),
        (0, "", "emotion is '', not 0 to 6"),
        (1, " ".join(["7"] * 2303), "2303 pixels, not 2304"),
        (1, " ".join(["7"] * 2303 + ["256"]), "pixels are not all numbers from 0 to 255"),
        (1, " ".join(["7"] * 2303 + ["x"]), "pixels are not all numbers from 0 to 255"),
        (2, "Trainig", "Usage is 'Trainig', not one of Training, PublicTest, PrivateTest"),
    ],
)
def test_a_malformed_row_is_named_or_counted(tmp_path: Path, column: int, value: str, message: str) -> None:
    table = drawn.rows()
    table[4][column] = value
    path = drawn.write(tmp_path / "fer2013.csv", table)
    with pytest.raises(InputError, match=re.escape(f"fer2013.csv:6: {message}")):
        read(path)
    frames, made = run(path, on_error="skip")
    assert (len(frames), made.lost.damaged) == (len(table) - 1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("emotion,Usage\n0,Training\n", "has no column pixels"),
        ("", "has no column emotion"),
        ("emotion,pixels,Usage\n\n", "holds no face"),
        (f'emotion,pixels,Usage\n0,"{"1 " * 100_000}', "fer2013.csv:2: is no csv: field larger than"),
    ],
)
def test_no_faces(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "fer2013.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "fer2013.csv")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read: No such file"):
        read(tmp_path / "none.csv")
