"""What holds for every stage there is; a stage without a test file of its own fails here."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from fervid.pipeline.configuration import options
from fervid.pipeline.fact import FRAMES, LIVE, Fact
from fervid.pipeline.roles import Reads, option
from fervid.pipeline.stage import Stage, stages

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "stages").glob("*/*.py") if path.name != "__init__.py")
ENGINE = sorted((ROOT / "pipeline").glob("*.py"))
HEAVY = {"av", "cv2", "ffmpeg", "filterpy", "matplotlib", "mediapipe", "onnxruntime", "openvino", "scipy", "torch"}
PLACES = {"url": "rtsp://camera/live"}

every_stage = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def stage(path: Path) -> type[Stage]:
    cls = stages.find(path.stem)
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
def test_its_facts_are_known_and_only_sources_have_an_input(path: Path) -> None:
    cls = stage(path)
    assert [fact for fact in (*cls.needs, *cls.gives, *cls.refuses, *cls.ends) if not isinstance(fact, Fact)] == []
    is_source = path.parent.name == "sources"
    assert is_source == (FRAMES in cls.gives)
    assert not is_source or not cls.needs
    assert is_source or not (LIVE in cls.gives or option(cls, Reads))


def test_a_stage_has_at_most_five_knobs() -> None:
    knobs = [name for name, kind in inspect.get_annotations(Stage).items() if "ClassVar" in str(kind)]
    assert set(knobs) - {"name"} <= {"needs", "gives", "refuses", "ends", "detached"}


def test_finding_a_stage_loads_nothing_heavy() -> None:
    names = [path.stem for path in FILES]
    code = (
        "import sys\nfrom fervid.pipeline.stage import stages\nfrom fervid.pipeline.configuration import options\n"
        f"for name in {names}: options.schema(stages.find(name))\n"
        f"print(sorted({HEAVY} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("room", ["pipeline", "models", "stages"])
def test_no_room_imports_a_stage(room: str) -> None:
    """Stages import the engine and the networks, of each other only facts; the engine and the networks no stage."""
    found = []
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(_tree(path)):
            found += [(path.name, name) for name in _of_stages(node, facts=room == "stages")]
    assert found == []


@pytest.mark.parametrize("room", ["fervid.stages", "fervid.models", "fervid.pipeline.terminal"])
def test_the_engine_imports_no_stage_no_network_and_no_terminal(room: str) -> None:
    names = [(path.name, name) for path in ENGINE for node in ast.walk(_tree(path)) for name in _imported(node)]
    assert [(path, name) for path, name in names if name == room or name.startswith(f"{room}.")] == []


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Whatever a file imports when it is loaded, and of the engine's own files also what they import later."""
    files = [path for room in ("pipeline", "stages", "models") for path in (ROOT / room).rglob("*.py")]
    TopologicalSorter({_short(path): _imports(path) for path in files}).prepare()  # names a circle if there is one


def _imports(path: Path) -> set[str]:
    """The files that a file imports."""
    nodes = _loaded(_tree(path), functions=path in ENGINE)
    return {_short(file) for node in nodes for name in _imported(node) if (file := _file(name))}


def _loaded(tree: ast.AST, functions: bool) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers see and, unless `functions`, those inside of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from _loaded(ast.Module(node.orelse, []), functions)
        elif functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _loaded(node, functions)


def _of_stages(node: ast.AST, facts: bool) -> list[str]:
    """What a statement imports of a stage's own module; with `facts`, names in capitals may be."""
    if facts and isinstance(node, ast.ImportFrom) and _is_stage(node.module or ""):
        return [f"{node.module}.{alias.name}" for alias in node.names if not alias.name.isupper()]
    return [name for name in _imported(node) if _is_stage(name)]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _is_stage(module: str) -> bool:
    return module.startswith("fervid.stages") and _file(module) in FILES


def _file(module: str) -> Path | None:
    if module == "fervid":
        return ROOT / "pipeline" / "public" / "__init__.py"
    path = ROOT.joinpath(*module.split(".")[1:])
    there = (one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file())
    return next(there, None) if module.startswith("fervid.") else None


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))
