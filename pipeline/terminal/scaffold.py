"""Begin a stage of your own: one file that runs, and its test that passes."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path

from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.stage import stages

STAGE = '''"""Say in one line what a reader gains from this stage."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from fervid.pipeline import Frame, Stage, register


@register("{name}")
@dataclass(frozen=True)
class {cls}(Stage):
    """Let only faces pass that are large enough to be read."""

    smallest: Annotated[float, Ge(0)] = 32
    """Width of the smallest face that passes, in pixels."""

    needs = frozenset({{"faces"}})

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """Take frames, yield frames; what is remembered between them is a variable here."""
        for frame in frames:
            frame.faces = [face for face in frame.faces if face.box[2] - face.box[0] >= self.smallest]
            yield frame
'''

TEST = '''"""Run with: pytest test_{name}.py"""

from pathlib import Path

import numpy as np

from fervid.pipeline import Face, Frame, Pipeline, Source

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
    (frame,) = stage.run([Frame(0, 0.0, image, Source("test", 20, 20), faces=[large, small])])
    assert frame.faces == [large]
'''


def write(name: str, folder: Path) -> tuple[Path, Path]:
    """Write NAME.py and test_NAME.py; return their paths.

    Raises:
        ConfigError: the name cannot be that of a stage.
        OutputError: a file of that name is there, or the folder cannot be written.
    """
    _check(name)
    cls = "".join(word.capitalize() for word in name.split("_"))
    cls += "Stage" if cls in {"Annotated", "Frame", "Ge", "Generator", "Iterable", "Stage"} else ""
    texts = {folder / f"{name}.py": STAGE, folder / f"test_{name}.py": TEST}
    for path in texts:
        if path.exists():
            raise OutputError(f"{path}: is there already; choose another name or folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text.format(name=name, cls=cls), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error
    stage, test = texts
    return stage, test


def _check(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ConfigError(f"{name!r} cannot name a stage; write small letters, digits and _, such as count_faces")
    if stages.find(name):
        raise ConfigError(f"a stage {name!r} is there already; `fervid stages show {name}` tells about it")
    if name in sys.stdlib_module_names:
        raise ConfigError(f"{name!r} is a module of Python, which {name}.py would hide; choose another name")
    if importlib.util.find_spec(name):
        raise ConfigError(f"{name!r} is a module here, which {name}.py would hide; choose another name")
