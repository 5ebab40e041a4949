"""The whole chain on real clips: what a user gets from a video, held against what the clip shows."""

import csv
import itertools
from collections import Counter
from pathlib import Path

import av
import pytest

from fervid.pipeline import Pipeline

CHAIN = """
stages:
  - file: {{path: "{clip}"}}
  - detect
  - track
  - emotions: {{model: fervid}}
  - smooth
  - draw
  - video: {{path: "{out}/{{name}}.mp4"}}
  - csv: {{path: "{out}/{{name}}.csv"}}
"""
Rows = list[dict[str, str]]


def annotate(clip: Path, out: Path, threads: bool = True) -> Rows:
    frames = sum(1 for _ in Pipeline.parse(CHAIN.format(clip=clip, out=out), {"threads": threads}))
    rows = read(out / f"{clip.stem}.csv")
    assert len({row["frame"] for row in rows}) == frames
    return rows


def read(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def talking(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Path]:
    out = tmp_path_factory.mktemp("talking")
    return annotate(clips / "one_face_talking.mp4", out), out


def test_every_frame_of_a_clip_arrives_with_its_own_time(talking: tuple[Rows, Path], clips: Path) -> None:
    rows, out = talking
    truth = times(clips / "one_face_talking.mp4")
    assert [int(row["frame"]) for row in rows] == list(range(472))
    assert [float(row["time_s"]) for row in rows] == pytest.approx(truth, abs=1e-5)
    assert times(out / "one_face_talking.mp4") == pytest.approx(truth, abs=1e-5)


def test_a_hand_before_the_face_does_not_change_who_it_is(talking: tuple[Rows, Path]) -> None:
    assert {row["face_id"] for row in talking[0]} == {"1"}


def test_she_is_sad_at_first_and_happy_at_the_end(talking: tuple[Rows, Path]) -> None:
    rows, _ = talking
    labels = [row["emotion"] for row in rows if row["emotion"] != "uncertain"]
    assert (labels[0], labels[-1]) == ("sad", "happy")
    assert top_share(rows[280:]) == "happy"
    assert top_share(rows[:150]) == "sad"


def test_labels_do_not_flicker(talking: tuple[Rows, Path]) -> None:
    labels = [row["emotion"] for row in talking[0]]
    assert sum(a != b for a, b in itertools.pairwise(labels)) <= 8


def test_threads_change_no_byte(clips: Path, tmp_path: Path) -> None:
    clip = clips / "one_face_short.mp4"
    made = []
    for number, threads in enumerate((True, True, False)):
        annotate(clip, tmp_path / str(number), threads)
        made.append((tmp_path / str(number) / "one_face_short.csv").read_bytes())
    assert made[0] == made[1] == made[2]


def test_a_smile_comes_after_a_neutral_face(clips: Path, tmp_path: Path) -> None:
    rows = annotate(clips / "one_face_short.mp4", tmp_path)
    assert {row["emotion"] for row in rows[:15]} == {"neutral"}
    assert {row["emotion"] for row in rows[24:67]} == {"happy"}


def test_a_clip_without_a_face_is_all_empty_rows(clips: Path, tmp_path: Path) -> None:
    rows = annotate(clips / "no_face.mp4", tmp_path)
    assert {row["face_id"] + row["score"] + row["emotion"] for row in rows} == {""}


def test_a_face_enters_and_another_leaves(clips: Path, tmp_path: Path) -> None:
    enters = [bool(row["face_id"]) for row in annotate(clips / "face_enters.mov", tmp_path)]
    leaves = [bool(row["face_id"]) for row in annotate(clips / "face_leaves.mov", tmp_path)]
    assert not enters[0]
    assert all(enters[100:168])  # the clip's last picture is black
    assert all(leaves[:10])
    assert not leaves[-1]


def test_two_people_keep_their_ids(clips: Path, tmp_path: Path) -> None:
    rows = annotate(clips / "two_faces_head_pose.gif", tmp_path)
    assert set(Counter(row["face_id"] for row in rows)) == {"1", "2"}
    left, right = ([float(row["x"]) for row in rows if row["face_id"] == one] for one in "12")
    assert max(min(left), min(right)) > min(max(left), max(right))


def top_share(rows: Rows) -> str:
    shares = {key: sum(float(row[key]) for row in rows if row[key]) for key in rows[0] if key.endswith("_smooth")}
    return max(shares, key=lambda key: shares[key]).removesuffix("_smooth")
