"""Begin a stage of your own: one file that runs, and its test that passes."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import sys
from pathlib import Path

from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.fact import columns
from fervid.pipeline.stage import stages
from fervid.pipeline.table import HEAD

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
IMPORTED = {"Annotated", "Column", "Fact", "Frame", "Frames", "Ge", "Generator", "Gt", "Stage"}
"""Names that a new stage's file imports."""

STAGE = '''"""Say in one line what a reader gains from this stage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from fervid.pipeline import FACES, Frame, Frames, Stage, register


@register("{name}")
@dataclass(frozen=True)
class {cls}(Stage):
    """Let only faces pass that are large enough to be read."""

    smallest: Annotated[float, Ge(0)] = 32
    """Width of the smallest face that passes, in pixels."""

    needs = (FACES,)

    def run(self, frames: Frames) -> Generator[Frame]:
        """Take frames, yield frames; what is remembered between them comes from `frames.keep`."""
        for frame in frames:
            frame.faces = [face for face in frame.faces if face.box[2] - face.box[0] >= self.smallest]
            yield frame
'''

TEST = '''"""Run with: pytest test_{name}.py"""

from pathlib import Path

import numpy as np

from fervid.pipeline import Face, Frame, Frames, Pipeline, Source

PIPELINE = f"""
plugins: ["{{Path(__file__).with_name("{name}.py").as_posix()}}"]
stages:
  - demo
  - detect
  - {name}: {{{{smallest: 10}}}}
"""


def test_small_faces_are_left_out() -> None:
    stage = Pipeline.parse(PIPELINE).stages[-1]
    large, small = Face((0, 0, 10, 10), score=0.9), Face((0, 0, 9.9, 9.9), score=0.9)
    image = np.zeros((20, 20, 3), np.uint8)
    (frame,) = stage.run(Frames([Frame(0, 0.0, image, Source("test", 20, 20), faces=[large, small])]))
    assert frame.faces == [large]
'''

MEASURING = '''"""Say in one line what a reader gains from this stage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from fervid.pipeline import FACES, Column, Fact, Frame, Frames, Stage, register

{fact}: Fact[float] = Fact(
    "faces.{column}",
    "{column}",
    (Column("{column}", "height of the face over that of the picture: change this to what you measure"),),
)
"""What is known of a face behind this stage, as `face[{fact}]`; tables, `draw` and the summary take it from here."""


@register("{name}")
@dataclass(frozen=True)
class {cls}(Stage):
    """Measure each face, and note what comes out."""

    scale: Annotated[float, Gt(0)] = 1.0
    """What the measure is multiplied by."""

    needs = (FACES,)
    gives = ({fact},)

    def run(self, frames: Frames) -> Generator[Frame]:
        """Take frames, yield frames; what is remembered between them comes from `frames.keep`."""
        for frame in frames:
            for face in frame.faces:
                face[{fact}] = self.scale * (face.box[3] - face.box[1]) / frame.image.shape[0]
            yield frame
'''

MEASURED = '''"""Run with: pytest test_{name}.py"""

import csv
from pathlib import Path

from fervid.pipeline import Pipeline

PIPELINE = f"""
plugins: ["{{Path(__file__).with_name("{name}.py").as_posix()}}"]
stages:
  - demo: {{{{frames: 5}}}}
  - detect
  - {name}: {{{{scale: 2}}}}
  - csv
"""


def test_each_face_has_its_{column}_in_the_csv(tmp_path: Path) -> None:
    frames = list(Pipeline.parse(PIPELINE, {{"csv.path": tmp_path / "faces.csv"}}))
    rows = list(csv.DictReader((tmp_path / "faces.csv").open()))
    assert len(rows) == len(frames) == 5
    assert all(abs(float(row["{column}"]) - 2 * float(row["h"]) / 360) < 0.001 for row in rows)
'''


def write(name: str, folder: Path, column: str | None = None) -> tuple[Path, Path]:
    """Write NAME.py and test_NAME.py; return their paths. With a column, the stage gives a fact of that name.

    Raises:
        ConfigError: the name cannot be that of a stage.
        OutputError: a file of that name is there, or the folder cannot be written.
    """
    _check(name)
    cls = "".join(word.capitalize() for word in name.split("_"))
    cls += "Stage" if cls in IMPORTED else ""
    if column:
        _check_column(column)
    stage, test = (MEASURING, MEASURED) if column else (STAGE, TEST)
    texts = {folder / f"{name}.py": stage, folder / f"test_{name}.py": test}
    values = {"name": name, "cls": cls, "column": column, "fact": (column or "").upper()}
    for path in texts:
        if os.path.lexists(path):
            raise OutputError(f"{path}: is there already; choose another name or folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text.format(**values))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error
    written, tested = texts
    return written, tested


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(f"{name!r} cannot name a stage; write small letters, digits and _, such as count_faces")
    if stages.find(name):
        raise ConfigError(f"a stage {name!r} is there already; `fervid stages show {name}` tells about it")
    if name in sys.stdlib_module_names:
        raise ConfigError(f"{name!r} is a module of Python, which {name}.py would hide; choose another name")
    if importlib.util.find_spec(name):
        raise ConfigError(f"{name!r} is a module here, which {name}.py would hide; choose another name")


def _check_column(column: str) -> None:
    if not NAME.fullmatch(column) or keyword.iskeyword(column):
        raise ConfigError(f"{column!r} cannot name a column; write small letters, digits and _, such as smiles")
    owners = {one.name: "every table" for one in HEAD}
    for name in stages.names():
        cls = stages.find(name)
        owners |= {one.name: name for one in columns(cls.gives if cls else ())}
    if column in owners:
        raise ConfigError(f"there is a column {column!r} already, that of {owners[column]}; choose another name")
