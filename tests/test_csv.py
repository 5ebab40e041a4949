"""The CSV: a row per face per frame, bytes that never vary, and a page that explains them."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fervid.models.reading import Emotion
from fervid.pipeline import EMOTIONS, FACES, TRACKS, Face, Frame, Frames, Pipeline, Run, Source
from fervid.pipeline.checkpoint import Wish
from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.record import Lost, Outage
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES
from fervid.stages.faces.quality import QUALITY, Measures
from fervid.stages.faces.smooth import SMOOTHED
from fervid.stages.sinks.csv import Csv

FACTS = (FACES, TRACKS, EMOTION, PROBABILITIES, SMOOTHED, QUALITY)
HEADER = (
    "source,frame,time_s,wall_time,score,x,y,w,h,face_id,status,emotion,confidence,"
    "angry,disgust,fear,happy,sad,surprise,neutral,"
    "angry_smooth,disgust_smooth,fear_smooth,happy_smooth,sad_smooth,surprise_smooth,neutral_smooth,"
    "quality,size,sharpness,brightness,yaw,pitch,roll"
)


def write(path: Path, *frames: Frame, run: Run | None = None) -> list[str]:
    assert len(list(Csv(str(path)).run(given(frames, run)))) == len(frames)
    return path.read_text().splitlines()


def given(frames: Iterable[Frame], run: Run | None = None) -> Frames:
    """As they come to a csv behind all stages of faces."""
    return Frames(frames, run, FACTS)


def frame(*faces: Face, index: int = 0, time: float = 0.0, name: str = "talk") -> Frame:
    return Frame(index, time, np.zeros((4, 4, 3), np.uint8), Source(name, 4, 4), list(faces))


def test_all_that_is_known_of_a_face_is_its_row(tmp_path: Path) -> None:
    scores = np.array([0.1, 0, 0, 0.7, 0.2, 0, 0], np.float32)
    face = Face((1, 2, 11.5, 22), 0.98765, None, 3, "detected")
    face[PROBABILITIES], face[SMOOTHED] = scores, scores[::-1].copy()
    face[EMOTION] = Emotion.of("happy", scores[::-1])
    face[QUALITY] = Measures(0.8, 40, 120.5, 0.5, -10, None, 2)
    one = frame(face, index=7, time=1 / 3)
    one.wall_time = datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)
    header, row = write(tmp_path / "a.csv", one)
    assert header == HEADER
    assert row == (
        "talk,7,0.333333,2026-01-02T03:04:05.678+00:00,0.9877,1.00,2.00,10.50,20.00,3,detected,happy,0.7000,"
        "0.1000,0.0000,0.0000,0.7000,0.2000,0.0000,0.0000,0.0000,0.0000,0.2000,0.7000,0.0000,0.0000,0.1000,"
        "0.8000,40.0000,120.5000,0.5000,-10.0000,,2.0000"
    )


def test_a_frame_without_a_face_is_one_row_of_empty_cells(tmp_path: Path) -> None:
    _, row = write(tmp_path / "a.csv", frame(index=5, time=0.2))
    assert row == "talk,5,0.200000" + "," * (HEADER.count(",") - 2)


def test_each_face_has_its_row(tmp_path: Path) -> None:
    two = frame(Face((0, 0, 1, 1), 0.5, track=1), Face((2, 2, 3, 3), 0.6, track=2))
    rows = write(tmp_path / "a.csv", two, frame(index=1))
    assert [row.split(",")[:2] for row in rows[1:]] == [["talk", "0"], ["talk", "0"], ["talk", "1"]]


@pytest.mark.parametrize("name", ["a,b", '"', "=cmd()", "@x", "two\nlines", "é"])
def test_a_name_stays_one_harmless_cell(tmp_path: Path, name: str) -> None:
    one = frame(name=name)
    list(Csv(str(tmp_path / "a.csv")).run(given([one])))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert row[0].lstrip("'") == name.replace("\n", " ")
    assert row[0][:1] not in "=@"


@pytest.mark.parametrize("separator", [",", ";", "tab"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("bom", [False, True])
def test_other_programs_read_the_same_table(tmp_path: Path, separator: str, decimal: str, bom: bool) -> None:
    if separator == decimal:
        with pytest.raises(ConfigError, match=r"csv: .*decimal commas need another separator, such as ';'"):
            Pipeline.parse(f"stages: [demo, csv: {{decimal: '{decimal}'}}]")
        return
    scores = np.array([0.1, 0, -0.00001, 0.7, 0.2, 0, 0], np.float32)
    face = Face((-1, 2, 11.5, 22), 0.98765, None, 3, "detected")
    face[PROBABILITIES], face[QUALITY] = scores, Measures(0.8, 40, 120.5, 0.5, -10, None, 2)
    frames = [frame(face, index=7, time=1 / 3, name='a;b,c\td"e.f'), frame(index=8)]
    list(Csv(str(tmp_path / "plain.csv")).run(given(frames)))
    list(Csv(str(tmp_path / "other.csv"), separator, decimal, bom).run(given(frames)))
    blob = (tmp_path / "other.csv").read_bytes()
    assert blob.startswith(b"\xef\xbb\xbfsource" if bom else b"source")
    with (tmp_path / "plain.csv").open(newline="", encoding="utf-8") as file:
        plain = list(csv.reader(file))
    with (tmp_path / "other.csv").open(newline="", encoding="utf-8-sig") as file:
        other = list(csv.reader(file, delimiter="\t" if separator == "tab" else separator))
    assert other[0] == plain[0]
    assert other[1][0] == plain[1][0]
    assert [row[1:] for row in other] == [[cell.replace(".", decimal) for cell in row[1:]] for row in plain]


def test_a_run_that_goes_on_writes_one_mark_and_one_header(tmp_path: Path) -> None:
    chain = "stages: [demo: {frames: 12, fps: 4}, csv: {separator: ';', decimal: ',', bom: true}]"
    names = [tmp_path / "broken.csv", tmp_path / "whole.csv"]
    for frame in Pipeline.parse(chain, {"csv.path": str(names[0])}, keep=Wish(1.0)):
        if frame.index == 7:
            break
    for name in names:
        for _ in Pipeline.parse(chain, {"csv.path": str(name)}, keep=Wish(1.0, resume=True)):
            pass
    assert names[0].read_bytes() == names[1].read_bytes()
    with pytest.raises(ConfigError, match=r'csv\.decimal was "," and is "\."'):
        list(Pipeline.parse(chain, {"csv.path": str(names[0]), "csv.decimal": "."}, keep=Wish(1.0, resume=True)))


def test_rows_are_on_the_disk_before_the_next_frame(tmp_path: Path) -> None:
    written = Csv(str(tmp_path / "a.csv")).run(given(frame(index=index) for index in range(3)))
    next(written)
    next(written)
    part = tmp_path / "a.csv.part"
    assert part.read_text().count("\n") == 3
    assert not (tmp_path / "a.csv").exists()
    assert len(list(written)) == 1
    assert not part.exists()


def test_the_page_says_what_and_from_what(tmp_path: Path) -> None:
    chain = "stages:\n  - demo: {frames: 3}\n  - detect: {range: short}\n  - csv"
    for _ in Pipeline.parse(chain, {"csv.path": str(tmp_path / "{name}.csv")}):
        pass
    page = json.loads((tmp_path / "demo.csv.json").read_text())
    assert page["complete"] is True
    assert page["frames"] == 3
    assert page["labels"] == list(EMOTIONS)
    assert ",".join(page["columns"]) == HEADER.partition(",face_id")[0]
    assert page["columns"]["time_s"] == {
        "meaning": "presentation time in the container; of a live source, since its first frame",
        "unit": "s",
        "type": "float",
    }
    assert page["columns"]["x"] == {"meaning": "left edge of the face", "unit": "pixels", "type": "float"}
    assert page["config"][0]["demo"]["frames"] == 3
    assert page["versions"]["fervid"]


def test_a_stopped_run_says_so(tmp_path: Path) -> None:
    pipeline = Pipeline.parse("stages:\n  - demo: {frames: 50}\n  - csv", {"csv.path": str(tmp_path / "{name}.csv")})
    for one in pipeline:
        if one.index == 5:
            pipeline.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.partial.csv", "demo.partial.csv.json"]
    page = json.loads((tmp_path / "demo.partial.csv.json").read_text())
    assert page["complete"] is False
    assert page["frames"] == (tmp_path / "demo.partial.csv").read_text().count("\n") - 1
    for _ in Pipeline.parse("stages:\n  - demo: {frames: 3}\n  - csv", {"csv.path": str(tmp_path / "{name}.csv")}):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.csv", "demo.csv.json"]


def test_a_file_in_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be written: "):
        list(Csv(str(tmp_path / "out" / "a.csv")).run(given([frame()])))


def test_threads_change_no_byte(tmp_path: Path) -> None:
    written = []
    for threads in (True, False):
        path = tmp_path / f"{threads}.csv"
        text = "stages:\n  - demo: {frames: 20, faces: 2}\n  - detect\n  - csv"
        assert sum(1 for _ in Pipeline.parse(text, {"csv.path": str(path), "threads": threads})) == 20
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") > 20


def test_no_frame_leaves_no_file(tmp_path: Path) -> None:
    assert list(Csv(str(tmp_path / "a.csv")).run(given([]))) == []
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_rounds_to_zero_has_no_sign(tmp_path: Path) -> None:
    _, row = write(tmp_path / "a.csv", frame(Face((-0.001, -0.004, 2, 2), 0.5)))
    assert row.split(",")[5:7] == ["0.00", "0.00"]


def test_the_page_knows_the_input_and_what_was_lost_of_it(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a video")
    one, run = frame(), Run()
    one.source = Source("talk", 4, 4, path=clip)
    run.lost.damaged, run.lost.cut = 2, "truncated"
    run.note("weights", {"sha256": "ab"})
    write(tmp_path / "a.csv", one, run=run)
    page = json.loads((tmp_path / "a.csv.json").read_text())
    assert page["input"]["sha256"] == hashlib.sha256(b"a video").hexdigest()
    assert (page["complete"], page["input"]["damaged"], page["input"]["cut"]) == (False, 2, "truncated")
    assert page["lost"] == [
        "the input ends early (truncated): 1 frame",
        "2 damaged packets or images, passed over or shown with their faults",
    ]
    assert page["weights"] == {"sha256": "ab"}
    assert run.outputs == [tmp_path / "a.csv", tmp_path / "a.csv.json"]


@pytest.mark.parametrize("lost", [{"damaged": 1}, {"dropped": 1}, {"missing": 1}, {"outages": [Outage(1.0, 2.0)]}])
def test_what_lacks_frames_is_not_complete(tmp_path: Path, lost: dict[str, Any]) -> None:
    run = Run(lost=Lost(**lost))
    write(tmp_path / "a.csv", frame(), run=run)
    page = json.loads((tmp_path / "a.csv.json").read_text())
    assert (page["complete"], len(page["lost"])) == (False, 1)


def test_a_camera_has_no_end_so_stopping_it_is_a_good_one(tmp_path: Path) -> None:
    camera = Source("cam", 4, 4, live=True)
    frames = (Frame(n, n, np.zeros((4, 4, 3), np.uint8), camera) for n in range(9))
    written = Csv(str(tmp_path / "a.csv")).run(given(frames))
    next(written)
    written.close()
    assert json.loads((tmp_path / "a.csv.json").read_text())["complete"] is True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_sentence_and_tears_no_row(small_disk: Path) -> None:
    source = Source("talk", 4, 4)
    frames = (Frame(n, n, np.zeros((4, 4, 3), np.uint8), source, [Face((0, 0, 1, 1), 0.5)]) for n in range(9999))
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written: No space left on device"):
        list(Csv(str(small_disk / "a.csv")).run(given(frames)))
    text = (small_disk / "a.partial.csv").read_text()
    assert text.endswith("\n")
    assert text.count("\n") > 200
    assert {line.count(",") for line in text.splitlines()} == {HEADER.count(",")}


def test_a_killed_run_leaves_whole_rows_and_no_final_name(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"stages:\n  - demo: {{frames: 100000}}\n  - csv: {{path: '{tmp_path}/a.csv'}}\n")
    code = "import sys; from fervid.pipeline import Pipeline\nfor _ in Pipeline.load(sys.argv[1]): pass"
    part, until = tmp_path / "a.csv.part", time.monotonic() + 60
    with subprocess.Popen([sys.executable, "-c", code, config]) as run:
        while not (part.exists() and part.stat().st_size > 2000) and time.monotonic() < until:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv.part", "run.yaml"]
    text = part.read_text()
    assert text.endswith("\n")
    assert [int(row.split(",")[1]) for row in text.splitlines()[1:]] == list(range(text.count("\n") - 1))
