"""Detectors: those of fervid, and those that a plugin or another package brings."""

from __future__ import annotations

import csv
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_stage import HEAVY

from fervid.pipeline import FOUND, SPARSE, Pipeline, Wish
from fervid.pipeline.errors import ConfigError, ModelError, StageError
from fervid.pipeline.terminal.cli import app
from fervid.stages.faces.detectors import Detector, detectors

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "stages/faces/detectors").glob("*.py") if path.name != "__init__.py")

BRIGHT = '''
"""Find the brightest blob."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from fervid.pipeline import Face
from fervid.pipeline.terminal.cli import app
from fervid.stages.faces.detectors import Detector, detector


@dataclass
class Place:
    x: float


@detector("bright")
@dataclass(frozen=True)
class Bright(Detector):
    """The brightest blob of a picture."""

    limit: Annotated[int, Ge(0)] = 60
    """Grey level from which a pixel is bright."""
    sure: bool = True

    @contextmanager
    def open(self, frames):
        import cv2
        import numpy as np

        seen = frames.keep([])

        def find(frame):
            grey = cv2.GaussianBlur(frame.image[..., 2], (0, 0), 5)
            _, _, blobs, _ = cv2.connectedComponentsWithStats((grey > self.limit).astype(np.uint8))
            x, y, width, height, _ = max(blobs[1:], key=lambda blob: blob[-1])
            seen.append(Place(float(x)))
            score = sum(place.x for place in seen[-9:]) / 9 / frame.image.shape[1] if not self.sure else 1.0
            return [Face((x, y, x + width, y + height), score)]

        yield find
'''
CHAIN = """
plugins: [bright.py]
stages:
  - demo: {frames: 12}
  - detect: {detector: bright, options: {limit: 150}}
  - track
  - emotions
  - smooth
  - quality
  - draw: {keypoints: true}
  - video: {path: "out/{name}.mp4"}
  - csv: {path: "out/{name}.csv"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """With a plugin in it, which later tests shall not find."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detectors, "known", dict(detectors.known))
    (tmp_path / "bright.py").write_text(BRIGHT)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("fervid_plugin_")]:
        del sys.modules[name]


def pipeline(detect: str) -> Pipeline:
    text = f"plugins: [bright.py]\nstages:\n  - demo: {{frames: 8}}\n  - detect: {{detector: bright, {detect}}}"
    return Pipeline.parse(text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_detector_of_fervid_is_a_file_of_its_name(path: Path) -> None:
    cls = detectors.find(path.stem)
    assert cls
    assert issubclass(cls, Detector)
    assert (cls.name, cls.__name__.lower()) == (path.stem, path.stem.replace("_", ""))
    for text in (importlib.import_module(cls.__module__).__doc__, cls.__doc__):
        assert inspect.cleandoc(text or "").partition("\n")[0].endswith(".")


def test_finding_one_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom fervid.stages.faces.detectors import detectors\n"
        f"for name in detectors.names(): detectors.find(name)\nprint(sorted({HEAVY} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_faces_without_keypoints_go_through_every_stage(folder: Path) -> None:
    (folder / "a.yaml").write_text(CHAIN)
    frames = list(Pipeline.load("a.yaml"))
    assert all(len(frame.faces) == 1 and frame.faces[0].keypoints is None for frame in frames)
    assert all(frame[FOUND] for frame in frames)
    rows = list(csv.DictReader(Path("out/demo.csv").read_text().splitlines()))
    assert [row["face_id"] for row in rows] == ["1"] * 12
    assert all(row["emotion"] and row["sharpness"] and row["score"] == "1.0000" for row in rows)
    assert not any(row["yaw"] or row["quality"] for row in rows)
    assert Path("out/demo.mp4").stat().st_size > 10_000
    page = json.loads(Path("out/demo.csv.json").read_text())
    assert page["detector"] == {"name": "bright"}
    assert page["config"][1]["detect"]["options"] == {"limit": 150}


def test_what_all_detectors_have_in_common(folder: Path) -> None:
    frames = list(pipeline("every: 4"))
    assert [frame.index for frame in frames if not frame[SPARSE]] == [0, 4]
    assert [len(frame.faces) for frame in frames] == [1, 0, 0, 0] * 2
    assert not any(frame.faces for frame in pipeline("options: {sure: false}"))
    assert all(frame.faces for frame in pipeline("min_score: 0.01, options: {sure: false, limit: 150}"))


def test_what_it_remembers_is_there_after_a_resume(folder: Path) -> None:
    def made(out: str, until: int | None = None) -> str:
        (folder / out).mkdir(exist_ok=True)
        text = (
            CHAIN.replace("out/", f"{folder}/{out}/")
            .replace("limit: 150", "limit: 150, sure: false")
            .replace("12}", "40}")
        )
        over = {"detect.min_score": 0.01}
        for frame in Pipeline.parse(text, over, keep=Wish(every=0.25, resume=True)):
            if frame.index == until:
                return ""
        return (folder / out / "demo.csv").read_text()

    whole = made("whole")
    made("broken", until=20)
    assert made("broken") == whole
    page = json.loads((folder / "broken/demo.csv.json").read_text())
    assert page["resumed"]
    made("other", until=20)
    (folder / "bright.py").write_text(BRIGHT + "# changed")
    with pytest.raises(ConfigError, match="was kept for another run: other plugins; --restart begins anew"):
        made("other")


def test_what_it_raises_is_told_with_its_place(folder: Path) -> None:
    changed(folder, "x, y, width, height, _ = max", "x, y, width, height = max")
    line = next(number for number, text in enumerate(BRIGHT.splitlines(), 1) if "= max" in text)
    with pytest.raises(StageError, match=rf"detect: raised ValueError: too many values to unpack .*bright\.py:{line}$"):
        list(pipeline(""))


@pytest.mark.parametrize(
    ("detect", "message"),
    [
        ("range: far", "<text>:4: detect: option 'range': the detector bright does not take it; leave it out"),
        ("model: x.onnx", "option 'model': the detector bright does not take it"),
        ("runtime: litert", "option 'runtime': the detector bright does not take it"),
        ("options: {limmit: 1}", "bright takes no 'limmit'; did you mean 'limit'? (it takes limit: int >= 0, default"),
        ("options: {limit: -1}", "option 'limit': input should be greater than or equal to 0"),
        ("options: {limit: yes}", "option 'limit': takes int >= 0, not true"),
        ("options: {min_score: 0.2}", "option 'options': min_score is an option of detect itself; write it beside"),
    ],
)
def test_an_option_that_it_does_not_take_is_an_error_of_the_yaml(folder: Path, detect: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        pipeline(detect)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("runtime", "module", "message"),
    [
        ("litert", "ai_edge_litert", "needs ai_edge_litert: pip install ai-edge-litert; or take `runtime: mediapipe`"),
        ("mediapipe", "mediapipe", 'needs mediapipe: pip install "mediapipe==0.10.21", for Python 3.11 and 3.12; or'),
    ],
)
def test_a_runtime_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, runtime: str, module: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError, match=re.escape(f"`runtime: {runtime}` {message}")):
        list(Pipeline.parse(f"stages:\n  - demo: {{frames: 1}}\n  - detect: {{runtime: {runtime}}}"))


def test_of_mediapipe_nothing_but_the_options_of_detect() -> None:
    with pytest.raises(ConfigError, match=r"option 'options': mediapipe takes no 'limit'$"):
        Pipeline.parse("stages:\n  - demo\n  - detect: {options: {limit: 1}}\n  - draw")
    with pytest.raises(ConfigError, match="no detector 'mediapip'; did you mean 'mediapipe'"):
        Pipeline.parse("stages:\n  - demo\n  - detect: {detector: mediapip}\n  - draw")


def changed(folder: Path, old: str, new: str) -> None:
    assert old in BRIGHT
    (folder / "bright.py").write_text(BRIGHT.replace(old, new))


def test_a_model_of_its_own_is_the_option_of_detect(folder: Path) -> None:
    changed(folder, "    sure: bool = True\n", "    sure: bool = True\n    model: Path | None = None\n")
    with pytest.raises(ConfigError, match="option 'range'"):
        pipeline("model: mine.onnx, range: far")
    (_, detect) = pipeline("model: mine.onnx").stages
    assert str(detect.model) == "mine.onnx"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def open", "def begin", "Bright must have the base Detector and a method `open`"),
        ("Bright(Detector)", "Bright", "Bright must have the base Detector"),
        ("@dataclass(frozen=True)\n", "", r"is no dataclass; put @dataclass\(frozen=True\) on its class"),
        ('"bright")', '"mediapipe")', "'mediapipe' is a detector of fervid; choose another name"),
    ],
    ids=["no open", "no base", "no dataclass", "a name of fervid's"],
)
def test_a_class_that_is_none_is_explained(folder: Path, old: str, new: str, message: str) -> None:
    changed(folder, old, new)
    with pytest.raises(ConfigError, match=message):
        pipeline("")


def test_the_page_of_detect_names_them_with_their_options(folder: Path) -> None:
    done = CliRunner().invoke(app, ["stages", "show", "detect", "--plugin", "bright.py"])
    assert (
        "  its detectors\n"
        "    bright: The brightest blob of a picture.\n"
        "      limit: int >= 0, default 60    Grey level from which a pixel is bright.\n"
        "      sure: true | false, default true\n"
        "    mediapipe: MediaPipe's face networks, run by LiteRT or by MediaPipe.\n"
    ) in done.output


def test_one_of_an_installed_package_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "site"
    (package / "bright-1.dist-info").mkdir(parents=True)
    (package / "bright-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: bright\nVersion: 1\n")
    (package / "bright-1.dist-info/entry_points.txt").write_text("[fervid.detectors]\nbright = bright_faces:Bright\n")
    (package / "bright_faces.py").write_text(BRIGHT.replace('@detector("bright")\n', ""))
    monkeypatch.syspath_prepend(package)
    assert "bright" in detectors.names()
    made = Pipeline.parse("stages:\n  - demo: {frames: 2}\n  - detect: {detector: bright}")
    assert [len(frame.faces) for frame in made] == [1, 1]
    assert made.run.notes["detector"]["name"] == "bright"
    del sys.modules["bright_faces"]
