"""MediaPipe's face networks where no mediapipe is: fetched through pip from the user's index, kept, and checked."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import ModelError
from fervid.pipeline.terminal.cli import app
from fervid.stages.faces.detection import fetch, files
from fervid.stages.faces.detection.blazeface import FULL, SHORT

CHAIN = "stages:\n  - demo: {frames: 2}\n  - detect: {range: short}"
NAME = "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl"
INFO = "mediapipe-0.10.21.dist-info"


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    """What the wheel holds."""
    if not files.there():
        pytest.skip("there are no face detectors: fervid models fetch detector")
    return {f"mediapipe/{network.file}": files.load(network) for network in (SHORT, FULL)}


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty home, without mediapipe, and with no settings of pip; where the networks shall be."""
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "share" / "fervid" / "detector"


def wheel(path: Path, held: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, blob in held.items():
            archive.writestr(name, blob)
        archive.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n")
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of mediapipe in a package index that pip is set to."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "index"))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    (tmp_path / "index" / "simple" / "mediapipe").mkdir(parents=True)
    yield tmp_path / "index" / "simple" / "mediapipe"
    server.shutdown()
    server.server_close()


def fetched(*options: str) -> Result:
    return CliRunner().invoke(app, ["models", "fetch", "detector", *options])


def trust(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


def test_detect_finds_what_was_fetched_through_the_users_index(
    bare: Path, index: Path, models: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, wheel(index / NAME, models))
    with pytest.raises(ModelError, match=r"face detector is installed; `fervid models fetch detector` fetches it"):
        list(Pipeline.parse(CHAIN))
    done = fetched()
    assert (done.output, done.exit_code) == (f"The face detectors are in {bare}.\n", 0)
    assert {path.name: path.read_bytes() for path in bare.iterdir()} == {
        Path(name).name: blob for name, blob in models.items()
    }
    assert [len(frame.faces) for frame in Pipeline.parse(CHAIN)] == [1, 1]
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    assert fetched().exit_code == 0  # nothing is fetched twice


def test_a_wheel_of_another_hash_is_refused_by_pip(
    bare: Path, index: Path, models: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    wheel(index / NAME, models)
    done = fetched()
    assert done.exit_code == 6
    assert "fervid: pip could not fetch mediapipe==0.10.21, see above; mend that, or fetch the wheel" in done.output
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert not bare.exists()


def test_what_pip_does_not_find_it_says(index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert index.exists()
    assert fetched().exit_code == 6
    assert "No matching distribution found for mediapipe==0.10.21" in capfd.readouterr().err


def test_without_pip_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "find_spec", lambda _: None)
    assert "has no pip: install it (" in fetched().output


def test_a_wheel_that_was_fetched_elsewhere(bare: Path, models: dict[str, bytes], tmp_path: Path) -> None:
    assert fetched("--wheel", str(wheel(tmp_path / "any.whl", models))).exit_code == 0
    assert len(list(bare.iterdir())) == 2


@pytest.mark.parametrize("how", ["absent", "changed", "huge", "cut", "no wheel"])
def test_only_whole_networks_are_taken_from_a_wheel(
    how: str, bare: Path, models: dict[str, bytes], tmp_path: Path
) -> None:
    short, full = models
    others = {"absent": {}, "changed": {full: models[full][::-1]}, "huge": {full: bytes(2**26)}}
    path = wheel(tmp_path / "any.whl", {short: models[short], **others.get(how, models)})
    if how == "cut":
        path.write_bytes(path.read_bytes()[:300_000])
    if how == "no wheel":
        path.write_text("nothing")
    done = fetched("--wheel", str(path))
    assert done.exit_code == 6
    assert done.output.startswith(f"fervid: {path}: "), done.output
    assert not bare.exists()


def test_a_network_that_was_changed_is_not_run_and_can_be_fetched_anew(
    bare: Path, models: dict[str, bytes], tmp_path: Path
) -> None:
    path = wheel(tmp_path / "any.whl", models)
    fetched("--wheel", str(path))
    short = bare / Path(SHORT.file).name
    short.write_bytes(short.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError) as caught:
        list(Pipeline.parse(CHAIN))
    assert str(caught.value) == (
        f"{short}: not the short-range face detector that fervid knows (SHA-256 differs); "
        "`fervid models fetch detector` fetches it through pip (35 MB), once"
    )
    assert fetched("--wheel", str(path)).exit_code == 0
    assert [len(frame.faces) for frame in Pipeline.parse(CHAIN)] == [1, 1]


def test_a_folder_that_cannot_be_written_is_told(bare: Path, models: dict[str, bytes], tmp_path: Path) -> None:
    bare.parent.parent.mkdir()
    bare.parent.write_text("a file")
    done = fetched("--wheel", str(wheel(tmp_path / "any.whl", models)))
    assert done.exit_code == 5, done.output
    assert "cannot be written" in done.output
