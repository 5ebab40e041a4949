"""Find a network or its weights by name, importing only the one that is asked for."""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fervid.pipeline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from torch import nn

N = TypeVar("N", bound="type[nn.Module]")
_registry: dict[str, type[nn.Module]] = {}

SUFFIXES = (".onnx", ".safetensors")
"""How the names of weights files end; what ends otherwise is a shipped name."""


def network(name: str) -> Callable[[N], N]:
    """Make a network class known under `name`.

    The class is built without arguments and maps float32 N x 1 x size x size, normalised, to N x 7 logits in the
    order of EMOTIONS. Its class attributes are `size` (pixels), `mean` and `std` (of pixels scaled to 0..1). With
    `features(x) -> N x F`, `head` and `votes = nn.Linear(F, 8)` it also learns FER+'s votes.

    Raises:
        ConfigError: another class has that name.
    """

    def enter(cls: N) -> N:
        if name in _built_in() and cls.__module__ != f"fervid.models.{name}":
            raise ConfigError(f"{cls.__module__}: {name!r} is a network of fervid; choose another name")
        known = _registry.get(name)
        if known is not None and known.__module__ != cls.__module__:
            raise ConfigError(f"two networks are named {name!r}: {known.__module__} and {cls.__module__}; rename one")
        _registry[name] = cls
        return cls

    return enter


def build(name: str) -> nn.Module:
    """Return a new network of that name with random weights.

    Raises:
        ModelError: there is none.
    """
    if name not in _registry:
        if name in _built_in():
            importlib.import_module(f"fervid.models.{name}")
        elif points := tuple(entry_points(group="fervid.networks", name=name)):
            network(name)(points[0].load())
    if name not in _registry:
        raise ModelError(
            f"no network {name!r}{_nearest(name, names())}; a plugin's network needs `plugins:` in the YAML"
        )
    return _registry[name]()


def names() -> list[str]:
    """All networks: built in, installed by other packages, and registered by plugins."""
    return sorted({*_built_in(), *(point.name for point in entry_points(group="fervid.networks")), *_registry})


def weights(name: str | Path) -> Path:
    """Return the file behind a shipped name, or the given .safetensors or .onnx path.

    Raises:
        ModelError: there is no such file.
    """
    if (path := Path(name)).suffix in SUFFIXES:
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        return path
    found = shipped()
    if str(name) not in found:
        what = _nearest(str(name), sorted(found)) if found else "; this installation ships none"
        raise ModelError(f"no weights {str(name)!r}{what}; or give the path of a .safetensors or .onnx file")
    return found[str(name)]


def shipped() -> dict[str, Path]:
    """The weights that come with fervid, by name."""
    folder = Path(str(files("fervid.models"))) / "weights"
    return {file.stem: file for suffix in SUFFIXES for file in sorted(folder.glob(f"*{suffix}"))}


def gain(name: str) -> str:
    """One line on what a network is, read without importing it."""
    spec = find_spec(f"fervid.models.{name}") if name in _built_in() else None
    if spec is None or spec.origin is None:
        return ""
    return (ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or "").partition("\n")[0]


def _nearest(name: str, known: list[str]) -> str:
    guess = difflib.get_close_matches(name, known, 1)
    there = f"there are {', '.join(known)}"
    return f"; did you mean {guess[0]!r}? T{there[1:]}" if guess else f"; {there}"


@cache
def _built_in() -> frozenset[str]:
    """File name = network name, for every module here that registers one."""
    package = importlib.import_module("fervid.models")
    modules = [Path(base) / f"{m.name}.py" for base in package.__path__ for m in pkgutil.iter_modules([base])]
    return frozenset(m.stem for m in modules if m.is_file() and f'@network("{m.stem}")' in m.read_text("utf-8"))
