"""What is built holds every module, and what is installed is what was tested."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fervid.pipeline.terminal.scaffold import write

ROOT = Path(__file__).parents[1]
FOLDERS = ("pipeline", "stages", "models", "configs")
PUBLIC = Path("pipeline", "public")
"""The folder that is the package `fervid` itself."""


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that an old build folder cannot lend it modules."""
    copy = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return next((copy / "dist").glob("*.whl"))


def requirements(setup: configparser.ConfigParser) -> list[Requirement]:
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def holds(requirement: Requirement, python: str) -> bool:
    """Whether it is asked for on a version of Python."""
    return requirement.marker is None or requirement.marker.evaluate({"python_version": python})


def pinned(python: str) -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier)[2:] for one in pins if holds(one, python)}


def inside(path: Path) -> str:
    """Where a file or folder of the repository is in a wheel."""
    place = path.relative_to(ROOT)
    return str("fervid" / (place.relative_to(PUBLIC) if place.is_relative_to(PUBLIC) else place))


def test_every_folder_with_modules_is_a_package(setup: configparser.ConfigParser) -> None:
    inits = (init.parent for folder in FOLDERS for init in (ROOT / folder).rglob("__init__.py"))
    assert set(setup["options"]["packages"].split()) == {inside(folder).replace("/", ".") for folder in inits}


def test_every_module_lies_in_a_package() -> None:
    modules = [module for folder in FOLDERS for module in (ROOT / folder).rglob("*.py")]
    assert [str(module) for module in modules if not (module.parent / "__init__.py").exists()] == []


def test_the_wheel_holds_all_modules_recipes_and_weights(wheel: Path) -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    wanted = {inside(file) for file in files if file.suffix in {".py", ".typed", ".yaml"}}
    wanted |= {f"fervid/models/weights/{file.name}" for file in (ROOT / "models" / "weights").glob("[!.]*.*")}
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert sorted(wanted - held) == []
    assert sorted(name for name in held - wanted if ".dist-info/" not in name) == []


def test_the_wheel_says_how_to_start_it_and_under_which_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        assert "fervid = fervid.pipeline.terminal.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
        assert "License-Expression: Apache-2.0" in archive.read(f"{info}/METADATA").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_a_tested_version_within_its_range(setup: configparser.ConfigParser, python: str) -> None:
    pins = pinned(python)
    for requirement in (one for one in requirements(setup) if holds(one, python)):
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(version), f"{requirement} and constraints.txt: {version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_both_opencvs_are_one_version_where_mediapipe_brings_the_second(python: str) -> None:
    pins = pinned(python)
    assert ("mediapipe" in pins) == ("opencv-contrib-python" in pins)
    assert pins["opencv-python"] == pins.get("opencv-contrib-python", pins["opencv-python"])


def test_it_runs_on_the_pythons_that_are_tested(setup: configparser.ConfigParser) -> None:
    wanted = SpecifierSet(setup["options"]["python_requires"])
    assert [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}" in wanted] == list(PYTHONS)
    told = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert told == list(PYTHONS)


def test_every_requirement_is_explained(setup: configparser.ConfigParser) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    explained = {canonicalize_name(name) for name in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    assert explained == {canonicalize_name(requirement.name) for requirement in requirements(setup)}


def test_every_requirement_says_what_it_sends() -> None:
    rows = re.findall(r"^\| `.*\|$", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    assert [row for row in rows if not re.search(r"nothing.* \| (watched|read)[^|]* \|$", row)] == []


def imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


def test_every_import_is_required(setup: configparser.ConfigParser) -> None:
    files = [file for folder in (*FOLDERS, "tests", "benchmarks", "lab") for file in (ROOT / folder).rglob("*.py")]
    own = {"fervid", *(name for file in files for name in (file.stem, file.parent.name))}
    modules = set().union(*map(imported, files)) - sys.stdlib_module_names - own
    wheels = packages_distributions()
    named = {canonicalize_name(requirement.name) for requirement in requirements(setup)}
    unnamed = {module for module in modules if not named & {canonicalize_name(n) for n in wheels.get(module, [module])}}
    assert unnamed == set()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment into which the wheel was installed; what it needs comes from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_import_fervid_gives_what_comes_first_and_loads_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, fervid\nfrom fervid import Fact, Pipeline, Stage, register\n"
        "print(fervid.__version__, fervid.__file__)\n"
        "print({'av', 'click', 'cv2', 'mediapipe', 'numpy', 'onnxruntime', 'rich', 'torch'} & sys.modules.keys())"
    )
    done = subprocess.run([installed, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[0].startswith(f"0.1.0 {installed.parents[1]}"), done.stderr
    assert done.stdout.splitlines()[1] == "set()"


def test_what_is_installed_runs_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "from fervid.pipeline.terminal.cli import main; main()"
    command = [installed, "-I", "-c", code, "run", "demo", "--quiet", "--set", "demo.frames=5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["demo.csv", "demo.csv.json", "demo.mp4"]


@pytest.fixture
def plugins(tmp_path: Path) -> list[str]:
    """Files with stages of one's own: what is scaffolded, and all that CONTRIBUTING shows."""
    write("smiles", tmp_path, "smiles")
    write("large_ones", tmp_path)
    page = (ROOT / "CONTRIBUTING.md").read_text()
    names = ["smiles.py", "large_ones.py"]
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if name := re.search(r'@(?:register|detector)\("(\w+)"\)', block):
            names.append(f"{name[1]}.py")
            (tmp_path / names[-1]).write_text(block)
    assert names[2:] == ["speed.py", "cascade.py", "boxes.py"]
    return names


def said(folder: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MYPYPATH"}}
    environment["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # else it asks for its newest version
    run = [sys.executable, "-m", *command]
    return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, env=environment).stdout


def test_mypy_is_content_with_stages_of_ones_own(installed: Path, plugins: list[str], tmp_path: Path) -> None:
    """Strictly, against what is installed."""
    options = ["--strict", "--python-executable", str(installed), "--cache-dir", str(tmp_path / "cache")]
    assert said(tmp_path, "mypy", *options, *plugins) == "Success: no issues found in 5 source files\n"


def test_pyright_is_content_with_stages_of_ones_own(installed: Path, plugins: list[str], tmp_path: Path) -> None:
    if not find_spec("pyright"):
        pytest.skip("pyright is not installed")
    told = said(tmp_path, "pyright", "--pythonpath", str(installed), *plugins)
    assert told.splitlines()[-1:] == ["0 errors, 0 warnings, 0 informations"], told
