"""A fact that a plugin brings is at home everywhere: in the CSV, its page, the picture, the summary and the help."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fervid.pipeline import (
    FACES,
    Column,
    ConfigError,
    Face,
    Fact,
    Frame,
    Frames,
    Pipeline,
    Run,
    Source,
    Stage,
    Table,
    register,
)
from fervid.pipeline.terminal.cli import app

PLUGIN = '''
from dataclasses import dataclass
from fervid.pipeline import FACES, FRAMES, Column, Fact, Stage, register

EYES = Fact("faces.eyes", "eyes", (
    Column("eye_distance", "distance of the eyes", "pixels", decimals=1),
    Column("half", "the half of the picture that the face is in", type="text"),
))
LIGHT = Fact("frames.light", "light", (Column("light", "mean of the picture"),))


@register("eyes")
@dataclass(frozen=True)
class Eyes(Stage):
    """Measures how far apart the eyes are, and how light the picture is."""

    needs = (FRAMES, FACES)
    gives = (EYES, LIGHT)

    def run(self, frames):
        for frame in frames:
            frame[LIGHT] = float(frame.image.mean())
            for face in frame.faces:
                left, right = face.keypoints[:2, 0].tolist()
                face[EYES] = right - left, "left" if right < frame.image.shape[1] / 2 else "right"
            yield frame
'''
CHAIN = """
plugins: [{folder}/eyes.py]
stages:
  - demo: {{frames: 6}}
  - detect: {{range: short}}
  - eyes
  - track
  - draw: {{show: [half, eye_distance]}}
  - video: {{path: "{folder}/out.mp4"}}
  - csv: {{path: "{folder}/out.csv"}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a chain with the plugin has run, and what it said."""
    folder = tmp_path_factory.mktemp("eyes")
    (folder / "eyes.py").write_text(PLUGIN)
    (folder / "run.yaml").write_text(CHAIN.format(folder=folder))
    command = [str(Path(sys.executable).with_name("fervid")), "run", str(folder / "run.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def test_its_columns_stand_in_the_csv_where_its_stage_stands(made: tuple[Path, str]) -> None:
    with (made[0] / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    head = "source,frame,time_s,wall_time,light,score,x,y,w,h,eye_distance,half,face_id,status"
    assert ",".join(rows[0]) == head
    assert len(rows) == 6
    assert all(40 < float(row["eye_distance"]) < 80 and row["half"] in ("left", "right") for row in rows)
    assert all(100 < float(row["light"]) < 200 for row in rows)


def test_the_page_says_what_they_mean(made: tuple[Path, str]) -> None:
    columns = json.loads((made[0] / "out.csv.json").read_text())["columns"]
    assert columns["eye_distance"] == {"meaning": "distance of the eyes", "unit": "pixels", "type": "float"}
    assert columns["half"]["type"] == "text"


def test_the_summary_tells_of_them(made: tuple[Path, str]) -> None:
    assert "  eye_distance mean " in made[1]
    assert "  half         " in made[1]
    assert "  light        mean " in made[1]


def test_the_help_names_them(made: tuple[Path, str]) -> None:
    shown = CliRunner().invoke(app, ["stages", "show", "eyes", "--plugin", str(made[0] / "eyes.py")]).output
    assert "  gives eyes, light\n" in shown
    assert "    eye_distance  distance of the eyes, pixels\n" in shown


def test_they_stand_in_the_picture(made: tuple[Path, str]) -> None:
    """The picture with them has a larger plate than the one without."""
    text = CHAIN.format(folder=made[0])
    with_them = next(iter(Pipeline.parse(text))).image
    without = next(iter(Pipeline.parse(text, {"draw.show": []}))).image
    assert int((with_them != without).any(2).sum()) > 1500


def test_a_frame_without_a_face_keeps_what_is_known_of_the_frame() -> None:
    light: Fact[float] = Fact("frames.light", "light", (Column("light", "mean of the picture"),))
    frame = Frame(3, 0.5, np.zeros((4, 4, 3), np.uint8), Source("talk", 4, 4), known={light: 0.25})
    (row,) = Table((FACES, light)).rows(frame)
    assert row == ["talk", 3, 0.5, None, 0.25, None, None, None, None, None]


STOLEN: Fact[float] = Fact("faces.stolen", "stolen", (Column("score", "of another"),))


@register("probe_stolen")
@dataclass(frozen=True)
class Stolen(Stage):
    """Gives a column that is detect's."""

    gives = (STOLEN,)

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames


def test_a_column_has_one_owner() -> None:
    with pytest.raises(ConfigError, match="its column 'score' is that of detect too; rename it"):
        Pipeline.parse("stages: [demo, detect, probe_stolen, csv]")


def test_a_column_of_no_known_type_is_refused() -> None:
    with pytest.raises(ValueError, match='column \'side\': its type is "float", "int" or "text", not <class \'str\'>'):
        Column("side", "which half", type=str)  # type: ignore[arg-type]


def test_what_is_known_of_the_frame_is_shown_at_each_face(made: tuple[Path, str]) -> None:
    text = CHAIN.format(folder=made[0])
    with_it = next(iter(Pipeline.parse(text, {"draw.show": ["light"]}))).image
    without = next(iter(Pipeline.parse(text, {"draw.show": []}))).image
    assert (with_it != without).any()


def test_a_note_does_not_hide_what_the_page_says() -> None:
    with pytest.raises(ValueError, match="a note 'columns' would hide what the page says"):
        Run().note("columns", {})


def test_what_is_not_known_is_none() -> None:
    gaze: Fact[float] = Fact("faces.gaze", "gaze")
    face = Face((0, 0, 1, 1), 0.5)
    assert face[gaze] is None
    face[gaze] = 0.0
    assert face[gaze] == 0.0


def test_a_column_that_nothing_gives_cannot_be_shown() -> None:
    with pytest.raises(ConfigError, match=r"draw: no column 'eye_distnace' \(there is score, x, y, w, h\)"):
        Pipeline.parse("stages: [demo, detect, {draw: {show: [eye_distnace]}}, video]")
