"""What holds for every stage there is; a stage without a test file of its own fails here."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from fervid.pipeline.configuration import options
from fervid.pipeline.stage import FACTS, Stage, find

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "stages").glob("*/*.py") if path.name != "__init__.py")
HEAVY = {"av", "cv2", "ffmpeg", "filterpy", "matplotlib", "mediapipe", "onnxruntime", "openvino", "scipy", "torch"}
PLACES = {"url": "rtsp://camera/live"}

every_stage = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def stage(path: Path) -> type[Stage]:
    cls = find(path.stem)
    assert cls is not None, f"{path}: registers no stage {path.stem!r}"
    return cls


def required(cls: type[Stage]) -> dict[str, str]:
    """Something for each option that has no default."""
    return {name: PLACES.get(name, "name.x") for name in options.schema(cls).get("required", [])}


@every_stage
def test_file_stage_and_class_have_one_name(path: Path) -> None:
    cls = stage(path)
    assert cls.__module__ == f"fervid.stages.{path.parent.name}.{path.stem}"
    assert cls.name == path.stem
    assert cls.__name__.lower() == path.stem.replace("_", "")


@every_stage
def test_it_has_tests_of_its_own(path: Path) -> None:
    assert (ROOT / "tests" / f"test_{path.stem}.py").is_file(), f"write tests/test_{path.stem}.py"


@every_stage
def test_it_says_what_the_reader_gains(path: Path) -> None:
    cls = stage(path)
    for text in (importlib.import_module(cls.__module__).__doc__, cls.__doc__):
        first = inspect.cleandoc(text or "").partition("\n")[0]
        assert 10 < len(first) <= 120
        assert first.endswith(".")
        assert not first.startswith(f"{cls.__name__}(")


@every_stage
def test_every_option_is_explained_on_its_field(path: Path) -> None:
    assert [name for name, _, text in options.describe(stage(path)) if not text.endswith((".", ")", "?"))] == []


@every_stage
def test_it_is_frozen_and_builds_from_what_must_be_given(path: Path) -> None:
    cls = stage(path)
    assert dataclasses.is_dataclass(cls)
    built = options.build(cls, required(cls))
    with pytest.raises(dataclasses.FrozenInstanceError):
        built.anything = 1  # type: ignore[attr-defined]


@every_stage
def test_its_defaults_are_within_its_own_bounds(path: Path) -> None:
    cls = stage(path)
    built = options.build(cls, required(cls))
    assert options.build(cls, options.values(built)) == built


@every_stage
def test_its_facts_and_paths_are_known(path: Path) -> None:
    cls = stage(path)
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    assert cls.needs | cls.gives | cls.refuses <= FACTS.keys()
    assert {cls.input, cls.output} - {None} <= known
    is_source = path.parent.name == "sources"
    assert is_source == ("frames" in cls.gives)
    assert not is_source or not cls.needs
    assert is_source or not (cls.live or cls.input or cls.folders)


def test_finding_a_stage_loads_nothing_heavy() -> None:
    names = [path.stem for path in FILES]
    code = (
        "import sys\nfrom fervid.pipeline.stage import find\nfrom fervid.pipeline import options\n"
        f"for name in {names}: options.schema(find(name))\n"
        f"print(sorted({HEAVY} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("room", ["pipeline", "models", "stages"])
def test_no_room_imports_a_stage(room: str) -> None:
    """Stages import the engine and the networks, never each other; the engine and the networks import no stage."""
    found = []
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found += [(path.name, name) for name in _imported(node) if _is_stage(name)]
    assert found == []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _is_stage(module: str) -> bool:
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return module.startswith("fervid.stages") and path in FILES
