"""What nobody but fervid made, or what came of another input, is not replaced unless one says so."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import av
import footage
import pytest
from click.testing import CliRunner, Result

from fervid.pipeline import OutputError, Pipeline, Wish
from fervid.pipeline.checkpoint import Whole
from fervid.pipeline.terminal.cli import app

CSV = "- csv: {path: '{name}.csv'}\n"
VIDEO = "- video: {path: '{name}.mp4', preset: ultrafast}\n"
PROBES = Path(__file__).with_name("probes.py").as_posix()
SINKS = {"csv": CSV, "mp4": VIDEO, "mkv": VIDEO.replace(".mp4", ".mkv"), "txt": "- probe_sink: {path: '{name}.txt'}\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings of one name, in two containers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    footage.make(tmp_path / "in" / "s.mov", size="64x64", seconds=0.2)
    footage.make(tmp_path / "in" / "s.avi", "-c:v", "mpeg4", size="64x48", seconds=0.2)
    return tmp_path


def chain(source: str, sinks: str) -> str:
    return f"plugins: [{PROBES}]\nstages:\n- file: {{path: '{source}'}}\n{sinks}"


def run(source: str, sinks: str, *, overwrite: bool = False) -> None:
    for _ in Pipeline.parse(chain(source, sinks), overwrite=overwrite):
        pass


def call(command: str, *arguments: str, sinks: str = CSV) -> Result:
    Path("a.yaml").write_text(chain("in/s.mov", sinks))
    return CliRunner().invoke(app, [command, "a.yaml", *arguments], prog_name="fervid")


def made_of(path: Path) -> int:
    """Height of the pictures behind an output."""
    if path.suffix == ".csv":
        return int(json.loads(path.with_name(f"{path.name}.json").read_text())["input"]["height"])
    with av.open(str(path)) as container:
        return int(container.streams.video[0].height)


@pytest.mark.parametrize("suffix", ["csv", "mp4", "mkv"])
def test_another_input_of_that_name_replaces_nothing(folder: Path, suffix: str) -> None:
    run("in/s.mov", SINKS[suffix])
    run("in/s.mov", SINKS[suffix])  # its own
    out = folder / f"s.{suffix}"
    message = (
        rf"s\.{suffix}: was made from another input, s\.mov; write to another name, or replace it with --overwrite"
    )
    with pytest.raises(OutputError, match=message):
        run("in/s.avi", SINKS[suffix])
    assert made_of(out) == 64
    run("in/s.avi", SINKS[suffix], overwrite=True)
    assert made_of(out) == 48


@pytest.mark.parametrize("suffix", list(SINKS))
def test_what_fervid_did_not_make_stays(folder: Path, suffix: str) -> None:
    out = folder / f"s.{suffix}"
    out.write_text("mine")
    message = rf"s\.{suffix}: is there, and fervid did not make it; .* with --overwrite"
    with pytest.raises(OutputError, match=message):
        run("in/s.mov", SINKS[suffix])
    assert out.read_text() == "mine"
    run("in/s.mov", SINKS[suffix], overwrite=True)
    assert out.read_bytes() != b"mine"
    run("in/s.mov", SINKS[suffix])


def test_a_video_of_another_program_stays(folder: Path) -> None:
    footage.make(folder / "s.mp4", size="32x32", seconds=0.1)
    with pytest.raises(OutputError, match="fervid did not make it"):
        run("in/s.mov", VIDEO)
    assert made_of(folder / "s.mp4") == 32


def test_a_page_of_another_program_stays(folder: Path) -> None:
    (folder / "s.csv.json").write_text('{"mine": true}')
    with pytest.raises(OutputError, match=r"s\.csv\.json: is there, and fervid did not make it"):
        run("in/s.mov", CSV)
    assert (folder / "s.csv.json").read_text() == '{"mine": true}'
    assert not (folder / "s.csv").exists()


@pytest.mark.parametrize("suffix", ["csv", "mp4", "mkv"])
def test_a_copy_is_still_known_as_its_own(folder: Path, suffix: str) -> None:
    """Copies have no attributes; the record is in the file or beside it."""
    run("in/s.mov", SINKS[suffix])
    for path in folder.glob("s.*"):
        shutil.copyfile(path, f"{path}.copy")
        os.replace(f"{path}.copy", path)
    shutil.copyfile("in/s.mov", "in/copy.mov")
    os.replace("in/copy.mov", "in/s.mov")
    run("in/s.mov", SINKS[suffix])


def test_an_input_of_the_same_name_that_was_recorded_anew_is_another_one(folder: Path) -> None:
    run("in/s.mov", CSV)
    footage.make(folder / "in" / "s.mov", size="64x32", seconds=0.2)
    with pytest.raises(OutputError, match=r"was made from another input, s\.mov"):
        run("in/s.mov", CSV)


def test_what_another_input_left_unfinished_stays(folder: Path) -> None:
    pipeline = Pipeline.parse(chain("in/s.mov", CSV))
    next(iter(pipeline))
    assert (folder / "s.partial.csv").exists()
    run("in/s.avi", CSV)
    assert (folder / "s.partial.csv").exists()
    run("in/s.mov", CSV, overwrite=True)
    assert not (folder / "s.partial.csv").exists()


def test_what_is_left_unfinished_too_lies_in_its_part(folder: Path) -> None:
    next(iter(Pipeline.parse(chain("in/s.mov", CSV))))
    before = Path("s.partial.csv").read_bytes()
    stopped = Pipeline.parse(f"{chain('in/s.avi', CSV)}threads: false\n")
    frames = iter(stopped)
    next(frames)
    stopped.stop()
    with pytest.raises(OutputError, match=r"s\.mov.*; what there is lies in s\.csv\.part"):
        next(frames)
    assert Path("s.partial.csv").read_bytes() == before
    assert Path("s.csv.part").read_text().count("\n") == 2


def test_what_appears_while_it_is_made_stays(folder: Path) -> None:
    running = iter(Pipeline.parse(chain("in/s.mov", CSV)))
    next(running)
    (folder / "s.csv").write_text("mine")
    message = r"s\.csv: cannot be written: is there, and fervid did not make it; .* lies in s\.csv\.part"
    with pytest.raises(OutputError, match=message):
        list(running)
    assert (folder / "s.csv").read_text() == "mine"
    assert (folder / "s.csv.part").read_text().count("\n") == 6


def test_the_command_names_the_option(folder: Path) -> None:
    (folder / "s.csv").write_text("mine")
    done = call("run")
    assert (done.exit_code, (folder / "s.csv").read_text()) == (5, "mine")
    assert "replace it with --overwrite" in done.stderr
    assert call("run", "--overwrite", "--quiet").exit_code == 0


def test_a_batch_replaces_no_recording_beside_its_inputs(folder: Path) -> None:
    footage.make(folder / "in" / "talk.mov", size="64x64", seconds=0.2)
    footage.make(folder / "in" / "talk.mp4", size="32x32", seconds=0.2)
    done = call("batch", "in/*.mov", "--out", "in", "--skip-done", sinks=VIDEO)
    assert done.exit_code == 3
    assert "in/talk.mov  in/talk.mp4: is there, and fervid did not make it" in done.stderr
    assert made_of(folder / "in" / "talk.mp4") == 32
    assert made_of(folder / "in" / "s.mp4") == 64
    again = call("batch", "in/*.mov", "--out", "in", "--overwrite", "--quiet", sinks=VIDEO)
    assert (again.exit_code, made_of(folder / "in" / "talk.mp4")) == (0, 64)


def test_a_table_without_its_page_is_not_done(folder: Path) -> None:
    arguments = ("batch", "in/s.mov", "--out", "out", "--skip-done")
    assert call(*arguments).exit_code == 0
    assert "1 of 1 input is done already" in call(*arguments).stderr
    (folder / "out" / "s.csv.json").unlink()
    assert "0 of 1 input is done already" in call(*arguments).stderr
    assert (folder / "out" / "s.csv.json").exists()


def test_what_another_input_made_is_not_done(folder: Path) -> None:
    call("batch", "in/s.mov", "--out", "out")
    done = call("batch", "in/s.avi", "--out", "out", "--skip-done")
    assert done.exit_code == 3
    assert "0 of 1 input is done already" in done.stderr


def spoil(path: Path) -> None:
    """Damage a picture in the middle."""
    blob = bytearray(path.read_bytes())
    place = blob.find(b"mdat") + 1000
    blob[place : place + 40] = bytes(40)
    path.write_bytes(blob)


def test_a_damaged_input_is_done_once_and_never_complete(folder: Path) -> None:
    spoil(folder / "in" / "s.mov")
    arguments = ("batch", "in/s.mov", "--out", "out", "--skip-done")
    assert "passed over or shown with" in call(*arguments).stderr
    page = json.loads((folder / "out" / "s.csv.json").read_text())
    assert (page["complete"], page["frames"], len(page["lost"])) == (False, 5, 1)
    assert call(*arguments).stderr == "fervid: 1 of 1 input is done already\n"


def test_a_resume_does_not_make_what_a_damaged_input_gave_once_more(folder: Path) -> None:
    spoil(folder / "in" / "s.mov")
    run("in/s.mov", CSV)
    with pytest.raises(Whole, match=r"s\.csv: is whole already"):
        list(Pipeline.parse(chain("in/s.mov", CSV), keep=Wish(every=1.0, resume=True)))


def test_pictures_of_a_damaged_folder_are_done_once(folder: Path) -> None:
    for name in ("a", "b", "c"):
        footage.ffmpeg("-i", "in/s.mov", "-frames:v", "1", f"in/{name}.png")
    Path("in/b.png").write_bytes(Path("in/b.png").read_bytes()[:200])
    Path("in").rename("photos")
    Path("p.yaml").write_text("stages: [images: {path: x}, pictures: {path: 'x/{name}.jpg'}]")
    command = ["batch", "p.yaml", "photos", "--out", "out", "--skip-done"]
    assert CliRunner().invoke(app, command).exit_code == 0
    told = json.loads(Path("out/photos.jpg.json").read_text())
    assert (told["complete"], told["pictures"], len(told["lost"])) == (False, 2, 1)
    assert CliRunner().invoke(app, command).stderr == "fervid: 1 of 1 input is done already\n"


def test_an_input_that_was_recorded_anew_is_not_done(folder: Path) -> None:
    arguments = ("batch", "in/s.mov", "--out", "out", "--skip-done")
    call(*arguments)
    footage.make(folder / "in" / "s.mov", size="32x32", seconds=0.2)
    done = call(*arguments)
    assert "0 of 1 input is done already" in done.stderr
    assert "was made from another input" in done.stderr


def test_a_resume_makes_a_table_without_its_page_again(folder: Path) -> None:
    run("in/s.mov", CSV)
    (folder / "s.csv.json").unlink()
    assert len(list(Pipeline.parse(chain("in/s.mov", CSV), keep=Wish(every=1.0, resume=True)))) == 5
    assert (folder / "s.csv.json").exists()


@pytest.mark.parametrize("suffix", list(SINKS))
@pytest.mark.parametrize("kind", ["link", "dangling", "FIFO", "device", "folder"])
def test_what_is_no_ordinary_file_is_never_replaced(folder: Path, suffix: str, kind: str) -> None:
    out, before = folder / f"s.{suffix}", place(folder / f"s.{suffix}", kind)
    word = {"dangling": "link"}.get(kind, kind)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=rf"s\.{suffix}: is a {word}"):
            run("in/s.mov", SINKS[suffix], overwrite=overwrite)
    assert stat.S_IFMT(out.lstat().st_mode) == before
    assert not (folder / "target").exists() or (folder / "target").read_text() == "mine"


@pytest.mark.parametrize("name", ["s.csv.part", "s.csv.json.part", "s.mp4.part", "s.mkv.part", "s.txt.part"])
@pytest.mark.parametrize("kind", ["link", "dangling", "FIFO", "device", "folder", "hard link", "file"])
def test_temporary_names_follow_nothing_and_take_nothing(folder: Path, name: str, kind: str) -> None:
    at = folder / name
    before = place(at, kind)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=f"{name}: is in the way, and fervid did not make it; move"):
            run("in/s.mov", SINKS[name.split(".")[1]], overwrite=overwrite)
    assert stat.S_IFMT(at.lstat().st_mode) == before
    if kind == "file":
        assert at.read_text() == "mine"
    assert not (folder / "target").exists() or (folder / "target").read_text() == "mine"


def place(at: Path, kind: str) -> int:
    """Put something under a name; return what it is."""
    target = at.with_name("target")
    if kind in {"link", "hard link"}:
        target.write_text("mine")
    if kind in {"link", "dangling"}:
        at.symlink_to(target)
    elif kind == "hard link":
        at.hardlink_to(target)
    elif kind == "FIFO":
        os.mkfifo(at)
    elif kind == "folder":
        at.mkdir()
    elif kind == "file":
        at.write_text("mine")
    elif kind == "device":
        try:
            os.mknod(at, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    return stat.S_IFMT(at.lstat().st_mode)


@pytest.mark.parametrize("ending", [".part.1", ".part.joined", ".resume", ".resume.part"])
def test_names_of_a_kept_run_take_nothing_either(folder: Path, ending: str) -> None:
    footage.make(folder / "in" / "s.mov", size="64x64", seconds=0.4)
    at = folder / f"s.mp4{ending}"
    at.write_text("mine")
    with pytest.raises(Exception, match=rf"s\.mp4{ending}: is in the way, and fervid did not make it"):
        list(Pipeline.parse(chain("in/s.mov", VIDEO), keep=Wish(every=0.1)))
    assert at.read_text() == "mine"


def test_the_name_for_the_sound_takes_nothing_either(folder: Path) -> None:
    footage.make(folder / "in" / "s.mov", size="64x64", seconds=0.2, sound=True)
    (folder / "s.mp4.part.sound").symlink_to("in/s.mov")
    before = (folder / "in" / "s.mov").read_bytes()
    with pytest.raises(OutputError, match=r"s\.mp4\.part\.sound: is in the way"):
        run("in/s.mov", VIDEO)
    assert (folder / "in" / "s.mov").read_bytes() == before


def test_what_a_killed_run_left_is_written_anew(folder: Path) -> None:
    running = iter(Pipeline.parse(chain("in/s.mov", CSV)))
    next(running)
    (folder / "s.csv.part").rename(folder / "kept")
    running.close()
    (folder / "kept").rename(folder / "s.csv.part")
    run("in/s.mov", CSV)
    assert sorted(path.name for path in folder.iterdir()) == ["in", "s.csv", "s.csv.json"]


@pytest.mark.parametrize("name", ["epochs.csv", "curves.png", "last.safetensors", "best.safetensors"])
def test_a_training_takes_nothing_from_a_folder_that_is_no_training_s(tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    from fervid.models.training.session import Session
    from fervid.stages.learning.train import Train

    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"{name}: is there, and no training made it; choose another `out`"):
        Session("cnn3", tmp_path, Train("cnn3").recipe()).claim(overwrite=False)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_new_stage_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_smiles.py").symlink_to("elsewhere.py")
    done = CliRunner().invoke(app, ["new-stage", "smiles"])
    assert done.exit_code == 5
    assert "test_smiles.py: is there already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["test_smiles.py"]


@pytest.mark.parametrize("name", ["s.csv.part", "s.csv.json.part"])
def test_what_is_in_the_way_of_a_table_is_told_before_it_is_made(folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    frames = iter(Pipeline.parse(chain("in/s.mov", CSV)))
    with pytest.raises(OutputError, match=rf"{name}: is in the way, and fervid did not make it"):
        next(frames)
    assert sorted(path.name for path in folder.glob("s.*")) == [name]


def test_what_is_in_the_way_of_a_video_is_told_before_it_is_made(folder: Path) -> None:
    (folder / "s.mp4.part.sound").symlink_to("in/s.mov")
    frames = iter(Pipeline.parse(chain("in/s.mov", VIDEO)))
    with pytest.raises(OutputError, match=r"s\.mp4\.part\.sound: is in the way, and fervid did not make it"):
        next(frames)


def test_a_page_that_cannot_be_written_at_last_is_what_is_told(folder: Path) -> None:
    frames = iter(Pipeline.parse(chain("in/s.mov", CSV)))
    next(frames)
    (folder / "s.csv.json.part").mkdir()
    with pytest.raises(
        OutputError, match=r"^s\.csv\.json\.part: is in the way, and fervid did not make it[^;]*; move it"
    ):
        list(frames)
    assert (folder / "s.csv").exists()
