"""What lies in the working folder is input and output, and neither code nor settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fervid.pipeline.terminal import doctor

PROBES = Path(__file__).with_name("probes.py").as_posix()
MODULES = ("av", "cv2", "evil", "fervid", "json", "mediapipe", "numpy", "pickle", "sitecustomize", "socket", "struct")
MAIN = "from fervid.pipeline.terminal.cli import main\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules that leave a trace, and settings that nobody gets to the end of."""
    made = tmp_path / "folder"
    made.mkdir()
    for name in MODULES:
        (made / f"{name}.py").write_text(f"open('trace', 'a').write('{name} ')\n")
    os.mkfifo(made / "matplotlibrc")
    return made


def fervid(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As it is installed: a script, whose own folder is where Python looks for modules."""
    script = folder.parent / "fervid"
    script.write_text(MAIN)
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_batch_runs_none_of_it(folder: Path) -> None:
    (folder / "a.mp4").touch()
    (folder / "a.yaml").write_text(
        f"plugins: [{PROBES}]\nstages: [probe_source, {{probe_sink: {{path: '{{name}}.txt'}}}}]\n"
    )
    done = fervid(folder, "batch", "a.yaml", "a.mp4", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "a.txt").is_file()
    assert not (folder / "trace").exists()


def test_a_run_reads_no_settings_there(folder: Path) -> None:
    (folder / "a.yaml").write_text("stages: [demo: {frames: 2}, detect, {csv: {path: a.csv}}]\n")
    done = fervid(folder, "run", "a.yaml")
    assert done.returncode == 0, done.stderr
    assert len((folder / "a.csv").read_text().splitlines()) == 3
    assert not (folder / "trace").exists()


def test_no_process_is_started_with_libraries_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import fervid.pipeline, cv2, os; print(os.environ['LD_LIBRARY_PATH'].split(':'))"
    for before in ("", ":/a::/b:"):
        monkeypatch.setenv("LD_LIBRARY_PATH", before)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "''" not in done.stdout


def test_a_picture_of_a_training_reads_no_settings_there(folder: Path) -> None:
    code = "from fervid.models.evaluation.pictures import _figure\n_figure(3, 2)"
    command = [sys.executable, "-P", "-c", code]
    assert subprocess.run(command, cwd=folder, timeout=60, check=False).returncode == 0


def test_doctor_tries_the_libraries_that_are_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert doctor._python_says("import pickle, numpy; print('well')").stdout == "well\n"
    assert not (folder / "trace").exists()
