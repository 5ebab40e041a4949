"""What is missing is found before a run fails for it, and the advice mends it."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from fervid.pipeline.terminal import doctor, installed
from fervid.pipeline.terminal.cli import app
from fervid.pipeline.terminal.doctor import Finding
from fervid.stages.faces.detection import files


def found(what: str) -> Finding:
    (finding,) = (one for one in doctor.examine() if one.what == what)
    return finding


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what starts other processes."""
    monkeypatch.setattr(doctor, "LOADED", ())
    monkeypatch.setattr(doctor, "_gpu", lambda: Finding("GPU", "none", None))


def test_a_machine_that_runs_these_tests_is_well() -> None:
    findings = {finding.what: finding for finding in doctor.examine()}
    for what in ("python", "numpy", "import cv2", "import ai_edge_litert.interpreter", "face detectors", "stages"):
        assert findings[what].fine is True, findings[what]
    assert findings["numpy"].found == metadata.version("numpy")
    assert ("mediapipe" in findings) == ("import mediapipe" in findings) == (sys.version_info < (3, 13))


@pytest.mark.usefixtures("quick")
def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["nonsense>=2", "numpy>=99", "other; extra == 'train'", "pytest; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda _: asked)
    assert found("nonsense") == Finding("nonsense", "not installed", False, 'pip install "nonsense>=2"')
    assert found("other") == Finding("other", "not installed", None, 'pip install "fervid[train]"')
    version = metadata.version("numpy")
    assert found("numpy").found == f"{version}, but fervid was made for >=99"
    assert "pytest" not in {finding.what for finding in doctor.examine()}


@pytest.mark.usefixtures("quick")
def test_opencvs_of_two_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real, wanted = metadata.version, next(one.specifier for one, _ in installed.requirements() if "cv" in one.name)
    monkeypatch.setattr(metadata, "version", lambda name: "4.12" if name == "opencv-python" else real(name))
    monkeypatch.setattr(installed, "OPENCVS", ("opencv-python", "numpy"))
    assert found("opencv") == Finding(
        "opencv",
        f"opencv-python 4.12, numpy {real('numpy')}: must be one version",
        False,
        f'pip install --force-reinstall "opencv-python{wanted}" "numpy{wanted}"',
    )


def test_a_missing_system_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "Traceback ...\nImportError: libGL.so.1: cannot open shared object file: No such file or directory\n"
    monkeypatch.setattr(doctor, "_python_says", lambda _: SimpleNamespace(returncode=1, stderr=lines, stdout=""))
    assert found("import cv2") == Finding(
        "import cv2",
        "the system library libGL.so.1 is missing; install it: sudo apt-get install libgl1 libglib2.0-0",
        False,
    )


@pytest.mark.usefixtures("quick")
def test_a_module_that_aborts_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aborting.py").write_text("import os\nos.abort()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "LOADED", ("aborting",))
    assert found("import aborting").found == "exit code -6"


@pytest.mark.usefixtures("quick")
def test_a_display_and_cameras_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert found("display").fine is None
    monkeypatch.setenv("DISPLAY", ":7")
    assert found("display") == Finding("display", ":7")


@pytest.mark.usefixtures("quick")
def test_what_is_needed_and_missing_ends_with_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_places", lambda _: [])
    done = CliRunner().invoke(app, ["doctor"])
    assert "NO  face detectors     no short-range face detector is installed; `fervid models fetch" in done.output
    assert done.exit_code == 1
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("python", "3.11"), Finding("display", "none", None)])
    done = CliRunner().invoke(app, ["doctor"])
    assert done.output == "ok  python             3.11\n--  display            none\nfervid can run.\n"
    assert done.exit_code == 0
