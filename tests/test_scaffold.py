"""A stage that was just begun runs, and its test passes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fervid.pipeline.configuration import config
from fervid.pipeline.configuration.plugins import load_plugin
from fervid.pipeline.terminal.cli import app


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new-stage", *arguments], prog_name="fervid")


def test_it_runs_and_its_test_passes(tmp_path: Path) -> None:
    done = call("large_faces", "--dir", str(tmp_path / "my stages"))
    assert done.exit_code == 0
    folder = tmp_path / "my stages"
    assert sorted(path.name for path in folder.iterdir()) == ["large_faces.py", "test_large_faces.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "1 passed" in tested.stdout, tested.stdout
    (folder / "a.yaml").write_text(done.output.partition("beside it:\n")[2])
    assert [stage.name for stage in config.load(folder / "a.yaml").build()] == [
        "demo",
        "detect",
        "large_faces",
        "draw",
        "video",
    ]


def test_it_is_as_clean_as_what_ships(tmp_path: Path) -> None:
    call("large_faces", "--dir", str(tmp_path))
    call("smiles", "--column", "smiles", "--dir", str(tmp_path))
    root = Path(__file__).parents[1]
    ruff = [sys.executable, "-m", "ruff", "--quiet"]
    for check in (["check", "--config", str(root / "pyproject.toml")], ["format", "--check", "--line-length", "120"]):
        done = subprocess.run([*ruff[:3], *check, str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_stage_with_a_column_brings_it_everywhere(tmp_path: Path) -> None:
    done = call("smiles", "--column", "smiles", "--dir", str(tmp_path))
    assert done.exit_code == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "1 passed" in tested.stdout, tested.stdout
    (tmp_path / "a.yaml").write_text(done.output.partition("beside it:\n")[2])
    fervid = Path(sys.executable).with_name("fervid")
    command = [str(fervid), "run", "a.yaml", "--set", "demo.frames=5"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "  smiles    mean 0.3" in ran.stderr
    assert ",smiles\n" in (tmp_path / "smiles.csv").read_text()
    shown = CliRunner().invoke(app, ["stages", "show", "smiles", "--plugin", str(tmp_path / "smiles.py")]).output
    assert "its columns\n    smiles  height of the face" in shown


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("Smiles", "'Smiles' cannot name a column; write small letters, digits and _, such as smiles"),
        ("yaw", "there is a column 'yaw' already, that of quality; choose another name"),
        ("time_s", "there is a column 'time_s' already, that of every table; choose another name"),
    ],
)
def test_a_column_that_would_not_work_is_refused(tmp_path: Path, column: str, message: str) -> None:
    done = call("grins", "--column", column, "--dir", str(tmp_path))
    assert done.output == f"fervid: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "test_large.py").write_text("mine")
    done = call("large", "--dir", str(tmp_path))
    assert done.exit_code == 5
    assert done.output == f"fervid: {tmp_path}/test_large.py: is there already; choose another name or folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["test_large.py"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Large", "'Large' cannot name a stage; write small letters, digits and _, such as count_faces"),
        ("../large", "'../large' cannot name a stage; write small letters, digits and _, such as count_faces"),
        ("2d", "'2d' cannot name a stage; write small letters, digits and _, such as count_faces"),
        ("class", "'class' cannot name a stage; write small letters, digits and _, such as count_faces"),
        ("demo", "a stage 'demo' is there already; `fervid stages show demo` tells about it"),
        ("numpy", "'numpy' is a module here, which numpy.py would hide; choose another name"),
        ("json", "'json' is a module of Python, which json.py would hide; choose another name"),
    ],
)
def test_a_name_that_would_not_work_is_refused(tmp_path: Path, name: str, message: str) -> None:
    done = call(name, "--dir", str(tmp_path))
    assert done.exit_code == 2
    assert done.output == f"fervid: {message}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["frame", "stage"])
def test_a_name_like_that_of_an_import_works(tmp_path: Path, name: str) -> None:
    assert call(name, "--dir", str(tmp_path)).exit_code == 0
    load_plugin(f"{name}.py", tmp_path)
    assert f"class {name.capitalize()}Stage(Stage):" in (tmp_path / f"{name}.py").read_text()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = call("large", "--dir", str(tmp_path / "file" / "inside"))
    assert done.exit_code == 5
    assert done.output == f"fervid: {tmp_path}/file/inside: cannot be written: Not a directory\n"
