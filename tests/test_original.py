"""An output is complete only if every frame of this very input was read and every row is there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import footage
import pytest
from click.testing import CliRunner

from fervid.pipeline import FRAMES, LIVE, Frame, Frames, InputError, OutputError, Pipeline, Stage, register
from fervid.pipeline.ownership import origin
from fervid.pipeline.terminal.cli import app

BOTH = "- csv: {path: 'out/a.csv'}\n- video: {path: 'out/a.mp4', preset: ultrafast}\n"


@register("probe_spoil")
@dataclass(frozen=True)
class Spoil(Stage):
    """Changes the input behind its last frame."""

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames
        with Path("talk.mp4").open("ab") as file:
            file.write(b"x")


@register("probe_load")
@dataclass(frozen=True)
class Load(Stage):
    """Loads a model, before it asks for a frame."""

    def run(self, frames: Frames) -> Generator[Frame]:
        raise AssertionError("loaded")
        yield from frames


@register("probe_silent")
@dataclass(frozen=True)
class Silent(Stage):
    """A camera that shall not be opened."""

    needs = ()
    gives = (FRAMES, LIVE)

    def run(self, frames: Frames) -> Generator[Frame]:
        raise AssertionError("opened")
        yield from frames


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return footage.make(tmp_path / "talk.mp4", size="64x64", seconds=1, sound=True)


def disturbed(disturb: Callable[[], object], sinks: str = BOTH, at: int = 3) -> Pipeline:
    """Do something in the middle of a run."""
    pipeline = Pipeline.parse(f"stages:\n- file: {{path: talk.mp4}}\n{sinks}")
    for frame in pipeline:
        if frame.index == at:
            disturb()
    return pipeline


def other(path: Path) -> None:
    footage.make(path, size="64x64", seconds=0.5)


def zero(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(bytes(size))


def names() -> list[str]:
    return sorted(path.name for path in Path("out").iterdir())


@pytest.mark.parametrize(
    ("disturb", "word"),
    [
        (lambda path: (other(path.with_name("other.mp4")), os.replace(path.with_name("other.mp4"), path)), "replaced"),
        (lambda path: os.truncate(path, 900), "changed"),
        (lambda path: os.truncate(path, path.stat().st_size + 1), "changed"),
        (zero, "changed"),
    ],
    ids=["replaced", "truncated", "grown", "zeroed"],
)
def test_an_input_that_changes_makes_nothing_complete(talk: Path, disturb: Callable[[Path], object], word: str) -> None:
    time.sleep(0.02)  # a change shows in the time of change, which moves in ticks
    with pytest.raises(InputError, match=rf"talk\.mp4: was {word} .*while it was read, so nothing is complete"):
        disturbed(lambda: disturb(talk))
    assert names() == ["a.partial.csv", "a.partial.csv.json", "a.partial.mp4"]
    page = json.loads(Path("out/a.partial.csv.json").read_text())
    assert page["complete"] is False


def test_it_can_be_run_again_as_the_message_says(talk: Path) -> None:
    time.sleep(0.02)
    with pytest.raises(InputError, match="run it again"):
        disturbed(lambda: os.truncate(talk, talk.stat().st_size + 1))
    disturbed(lambda: None)
    assert json.loads(Path("out/a.csv.json").read_text())["complete"] is True


def test_what_nothing_keeps_is_told_too(talk: Path) -> None:
    with pytest.raises(InputError, match="was changed while it was read"):
        disturbed(lambda: os.truncate(talk, 900), "")


def test_an_input_that_is_put_away_is_read_to_its_end_with_its_sound(talk: Path) -> None:
    whole, heard = hashlib.sha256(talk.read_bytes()).hexdigest(), footage.sound(talk)
    disturbed(lambda: None)
    disturbed(lambda: talk.rename("away.mp4"))
    page = json.loads(Path("out/a.csv.json").read_text())
    assert (page["complete"], page["frames"], page["input"]["sha256"]) == (True, 25, whole)
    assert footage.sound(Path("out/a.mp4")) == heard


def test_the_hash_is_of_what_was_read(talk: Path) -> None:
    """Between the last frame and the page, another file takes the name."""
    whole = hashlib.sha256(talk.read_bytes()).hexdigest()
    pipeline = Pipeline.parse("stages:\n- file: {path: talk.mp4}\n- csv: {path: 'out/a.csv'}\n")
    list(pipeline)
    source = pipeline.run.source
    assert source
    assert source.original
    other(talk.with_name("other.mp4"))
    os.replace("other.mp4", talk)
    assert source.original.changed == "was replaced by another file while it was read"
    assert source.original.sha256() is None
    assert json.loads(Path("out/a.csv.json").read_text())["input"]["sha256"] == whole


@pytest.mark.parametrize(
    ("sinks", "part"),
    [
        ("- csv: {path: 'out/a.csv'}\n", "a.csv.part"),
        ("- video: {path: 'out/a.mp4', preset: ultrafast}\n", "a.mp4.part"),
        ("- video: {path: 'out/a.mkv', preset: ultrafast}\n", "a.mkv.part"),
    ],
)
@pytest.mark.parametrize("whole_folder", [True, False])
def test_an_output_that_is_deleted_meanwhile_is_an_error(talk: Path, sinks: str, part: str, whole_folder: bool) -> None:
    def delete() -> None:
        assert (Path("out") / part).exists()
        shutil.rmtree("out") if whole_folder else (Path("out") / part).unlink()

    with pytest.raises(OutputError, match=r"out/a\.\w+: cannot be written: "):
        disturbed(delete, sinks)
    assert not list(Path().glob("out/a*"))


def test_a_table_that_is_cut_meanwhile_is_an_error(talk: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.csv\.part: was changed by another program"):
        disturbed(lambda: os.truncate("out/a.csv.part", 40), "- csv: {path: 'out/a.csv'}\n")
    assert not Path("out/a.csv").exists()


def test_an_earlier_output_outlives_one_that_goes_wrong(talk: Path) -> None:
    disturbed(lambda: None)
    before = {name: (Path("out") / name).read_bytes() for name in names()}
    with pytest.raises(InputError):
        disturbed(lambda: os.truncate(talk, 900))
    assert {name: (Path("out") / name).read_bytes() for name in before} == before


def test_the_command_ends_with_the_code_of_the_input(talk: Path) -> None:
    """Behind the last frame, while sound is joined and pages are written, the input may change, too."""
    Path("a.yaml").write_text(f"stages:\n- file: {{path: talk.mp4}}\n- probe_spoil\n{BOTH}")
    done = CliRunner().invoke(app, ["run", "a.yaml"], prog_name="fervid")
    assert done.exit_code == 4
    assert "was changed while it was read, so nothing is complete; run it again" in done.stderr
    assert names() == ["a.partial.csv", "a.partial.csv.json", "a.partial.mp4"]


def test_labelled_faces_are_no_stream_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "faces.csv")
    with pytest.raises(InputError, match=r"faces\.csv: is no ordinary file"):
        list(Pipeline.parse(f"stages:\n- fer2013: {{path: '{tmp_path}/faces.csv'}}\n"))


@pytest.mark.parametrize(
    ("given", "out", "message"),
    [
        ("fifo", "a.csv", "fifo: is no ordinary file"),
        ("fifo", "fifo", "fifo: is no ordinary file"),
        ("none.mp4", "a.csv", r"none\.mp4: no such file"),
        ("talk.mp4", "talk.mp4", r"talk\.mp4: would overwrite the input"),
        ("talk.mp4", "mine.csv", r"mine\.csv: is there, and fervid did not make it"),
        ("talk.mp4", "mine.csv/a.csv", r"mine\.csv/a\.csv: cannot be written: .*mine\.csv is a file, not a folder"),
        ("talk.mp4", "fifo", "fifo: is a FIFO, which no output replaces"),
        ("talk.mp4", "folder", "folder: is a folder; name a file in it"),
        ("talk.mp4", "a" * 300, "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_loads(talk: Path, given: str, out: str, message: str) -> None:
    os.mkfifo("fifo")
    Path("mine.csv").write_text("mine")
    Path("folder").mkdir()
    chain = f"stages:\n- file: {{path: {given}}}\n- probe_load\n- csv: {{path: '{out}'}}\n"
    with pytest.raises((InputError, OutputError), match=message):
        list(Pipeline.parse(chain))


@pytest.mark.parametrize("out", ["mine.csv/{name}.csv", "mine.csv/none/{name}_{time}.csv"])
def test_a_camera_is_not_opened_where_nothing_can_be_written(talk: Path, out: str) -> None:
    Path("mine.csv").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written: "):
        list(Pipeline.parse(f"stages:\n- probe_silent\n- csv: {{path: '{out}'}}\n"))


def test_what_outputs_are_known_by_is_read_once(talk: Path) -> None:
    pipeline = disturbed(lambda: None)
    assert pipeline.run.source
    known = origin(pipeline.run.source)
    zero(talk)
    assert origin(pipeline.run.source) == known
