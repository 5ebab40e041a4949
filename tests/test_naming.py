"""Names of outputs: what a person recognises, which every file system and template can hold, and none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import av
import cv2
import footage
import numpy as np
import pytest
from click.testing import CliRunner

from fervid.pipeline.batch.plan import plan
from fervid.pipeline.naming import harmless
from fervid.pipeline.terminal.cli import app

PROBES = Path(__file__).with_name("probes.py").as_posix()
SINK = "- probe_sink: {path: 'out/{name}.txt'}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path, *files: str, stages: str = SINK) -> dict[str, str]:
    """The names that files of a folder give to their outputs."""
    for file in files:
        (folder / "in" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / file).touch()
    config = folder / "a.yaml"
    config.write_text(f"plugins: [{PROBES}]\nstages:\n- probe_source\n{stages}")
    jobs = plan(config, {}, ["in"], Path("out"))
    return {job.path.relative_to(folder / "in").as_posix(): job.title for job in jobs}


@pytest.mark.parametrize(
    "name",
    [
        *("कि", "สวัสดีค่ะ", "தமிழ்", "עִבְרִית", "한국어", "x̌y̌"),
        *("😀", "👩‍👩‍👧", "❤️", "🇩🇪", "café1", unicodedata.normalize("NFD", "café1")),
        *("talk (1)", "talk [1]", "50% & more, it's #1!", "a.mp4", "-x", "~x", "$HOME", "`ls`", "a  b"),
    ],
)
def test_what_a_file_system_holds_is_kept(name: str) -> None:
    assert harmless(name) == name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *(("a/b", "a_b"), ("a\\b", "a_b"), ("..", "unnamed"), (".hidden", "hidden"), ("a. ", "a"), ("", "unnamed")),
        *(("what?{1}", "what__1_"), ('a<b>c:d"e|f*g', "a_b_c_d_e_f_g"), ("a\x00b\nc\x9bd\u2028e", "a_b_c_d_e")),
        *(("caf\udce9", "caf_"), ("~", "_"), ("con", "con_"), ("LPT1.x", "LPT1_.x"), ("contact", "contact")),
        *(("a.part", "a_part"), ("a.PARTIAL", "a_PARTIAL")),
    ],
)
def test_what_none_could_hold_is_replaced(name: str, plain: str) -> None:
    assert harmless(name) == plain


@pytest.mark.parametrize("name", ["x" * 300, "कि" * 100, "👩‍👩‍👧" * 30])
def test_a_long_name_is_cut_and_stays_distinct(name: str) -> None:
    assert len(harmless(name).encode()) <= 200
    assert harmless(name)[:40] == name[:40]
    assert harmless(name) != harmless(f"{name}!")


def test_names_that_differ_in_any_sign_stay_as_they_are(folder: Path) -> None:
    files = ("कि", "का", "😀", "😢", "talk (1)", "talk [1]", "café1", "cafe_1", "ก่", "ก้")
    assert names(folder, *(f"{file}.mp4" for file in files)) == {f"{file}.mp4": file for file in files}


def test_inputs_of_one_stem_keep_their_endings(folder: Path) -> None:
    assert names(folder, "a.mp4", "a.mov", "a.mp4.avi", "b.mp4") == {
        "a.mp4": "a.mp4",
        "a.mov": "a.mov",
        "a.mp4.avi": "a.mp4.avi",
        "b.mp4": "b",
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Talk.mp4", "talk.mp4"),
        ("STRASSE.mp4", "straße.mp4"),
        ("café.mp4", unicodedata.normalize("NFD", "café.mp4")),
        ("a?.mp4", "a*.mp4"),
        ("Rec/a.mp4", "rec/a.mp4"),
        ("a?/x.mp4", "a*/x.mp4"),
    ],
)
def test_what_would_be_one_file_elsewhere_is_told_apart(folder: Path, one: str, other: str) -> None:
    first, second = set(names(folder, one, other, "c.mp4", "c/d.mp4").values()) - {"c", "c/d"}
    assert unicodedata.normalize("NFD", first.casefold()) != unicodedata.normalize("NFD", second.casefold())
    assert set(names(folder).values()) == {first, second, "c", "c/d"}


def test_names_that_only_their_outputs_share_are_told_apart(folder: Path) -> None:
    two = "- probe_sink: {path: 'out/{name}.txt'}\n- probe_sink: {path: 'out/{name}.x.txt'}\n"
    assert names(folder, "a.mp4", "a.x.mp4", stages=two) == {"a.mp4": "a.mp4", "a.x.mp4": "a.x.mp4"}


def test_an_input_keeps_the_name_that_it_had_when_others_come(folder: Path) -> None:
    assert names(folder, "a.mp4", "b.mov") == {"a.mp4": "a", "b.mov": "b"}
    made_of(folder, "out/a.txt", "a.mp4")
    assert names(folder, "a.mov", "a.avi") == {"a.mp4": "a", "a.mov": "a.mov", "a.avi": "a.avi", "b.mov": "b"}
    made_of(folder, "out/a.mov.txt", "a.mov")
    for gone in ("a.mp4", "a.avi"):
        (folder / "in" / gone).unlink()
    assert names(folder) == {"a.mov": "a.mov", "b.mov": "b"}


def made_of(folder: Path, output: str, name: str) -> None:
    """As a run leaves it that has read this input."""
    page = {"complete": True, "config": [{"probe_source": {"path": str(folder / "in" / name)}}]}
    (folder / output).parent.mkdir(exist_ok=True)
    (folder / output).touch()
    (folder / f"{output}.json").write_text(json.dumps(page))


def test_what_is_done_is_known_when_another_of_its_name_comes(folder: Path) -> None:
    (folder / "in").mkdir()
    config = folder / "a.yaml"
    config.write_text("stages:\n- file\n- csv\n")
    command = ["batch", str(config), "in", "--out", "out", "--skip-done"]
    footage.make(folder / "in" / "talk.mp4", seconds=0.1, size="64x64")
    assert CliRunner().invoke(app, command).exit_code == 0
    before = (folder / "out" / "talk.csv").stat()
    footage.make(folder / "in" / "talk.mkv", seconds=0.1, size="64x64")
    done = CliRunner().invoke(app, command)
    assert done.stderr.startswith("fervid: 1 of 2 inputs are done already\n")
    assert (folder / "out" / "talk.csv").stat() == before
    assert {path.name for path in (folder / "out").glob("*.csv")} == {"talk.csv", "talk.mkv.csv"}
    again = CliRunner().invoke(app, command)
    assert again.stderr == "fervid: 2 of 2 inputs are done already\n"


def test_names_and_folders_that_are_not_utf_8_are_read_and_written(folder: Path) -> None:
    strange = Path(os.fsdecode(b"caf\xe9 \xff"))
    try:
        strange.mkdir()
    except OSError:
        pytest.skip("this file system holds only UTF-8")
    sound = ("-c:v", "libx264", "-c:a", "pcm_s16le")
    footage.make(folder / "a.mov", *sound, seconds=0.2, size="64x64", sound=True).rename(strange / f"{strange}.mov")
    cv2.imwrite("a.png", np.zeros((16, 16, 3), np.uint8))
    Path("a.png").rename(strange / f"{strange}.png")
    (folder / "a.yaml").write_text("stages:\n- file: {path: x}\n- csv\n- video\n")
    (folder / "b.yaml").write_text("stages:\n- images: {path: x}\n- pictures\n")
    command, out = [str(Path(sys.executable).with_name("fervid"))], folder / strange / "out"
    for name, option in (("a", "file.path"), ("b", "images.path")):
        given = f"{strange}/{strange}{'.mov' if name == 'a' else '.png'}"
        batch = [*command, "batch", f"{name}.yaml", given, "--out", str(out / "batch")]
        run = [*command, "run", f"{name}.yaml", "-s", f"{option}={given}"]
        for line in (batch, run):
            done = subprocess.run(line, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
    made = {path.name for path in (out / "batch").iterdir()}
    assert made == {f"caf_ _.{end}" for end in ("csv", "csv.json", "mp4", "jpg")}
    assert {path.name for path in Path("out").iterdir()} == made
    with av.open(str(out / "batch" / "caf_ _.mp4")) as container:
        assert len(container.streams.audio) == 1
