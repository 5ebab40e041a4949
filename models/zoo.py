"""Find a network or its weights by name, importing only the one that is asked for."""

from __future__ import annotations

import ast
import difflib
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fervid.pipeline.errors import ModelError
from fervid.pipeline.registry import Registry

if TYPE_CHECKING:
    from torch import nn

SUFFIXES = (".onnx", ".safetensors")
"""How the names of weights files end; what ends otherwise is a shipped name."""


def _module() -> type[nn.Module]:
    from torch import nn

    return nn.Module


networks: Registry[nn.Module] = Registry("network", _module, "fervid.models.networks", "fervid.networks")

network = networks.register
"""Make a network class known under a name.

The class is built without arguments and maps float32 N x 1 x size x size, normalised, to N x 7 logits in the
order of EMOTIONS. Its class attributes are `size` (pixels), `mean` and `std` (of pixels scaled to 0..1). With
`features(x) -> N x F`, `head` and `votes = nn.Linear(F, 8)` it also learns FER+'s votes.
"""


def build(name: str) -> nn.Module:
    """Return a new network of that name with random weights.

    Raises:
        ModelError: there is none.
    """
    cls = networks.find(name)
    if cls is None:
        guess = _nearest(name, networks.names())
        raise ModelError(f"no network {name!r}{guess}; a plugin's network needs `plugins:` in the YAML")
    return cls()


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
        if str(name) in networks.built_in:
            how = f"`fervid run train_{name} --set fer2013.path=fer2013.csv` makes runs/{name}/{name}.safetensors"
            raise ModelError(f"the network {name} ships without weights: {how}, whose path is a model's name, too")
        what = _nearest(str(name), sorted(found)) if found else "; this installation ships none"
        raise ModelError(f"no weights {str(name)!r}{what}; or give the path of a .safetensors, .onnx or .pth file")
    return found[str(name)]


def shipped() -> dict[str, Path]:
    """The weights that come with fervid, by name."""
    folder = Path(str(files("fervid.models"))) / "weights"
    return {file.stem: file for suffix in SUFFIXES for file in sorted(folder.glob(f"*{suffix}"))}


def gain(name: str) -> str:
    """One line on what a network is, read without importing it."""
    spec = find_spec(networks.built_in[name]) if name in networks.built_in else None
    if spec is None or spec.origin is None:
        return ""
    return (ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or "").partition("\n")[0]


def _nearest(name: str, known: list[str]) -> str:
    guess = difflib.get_close_matches(name, known, 1)
    there = f"there are {', '.join(known)}"
    return f"; did you mean {guess[0]!r}? T{there[1:]}" if guess else f"; {there}"
