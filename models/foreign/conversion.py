"""Take weights that torch saved for one of fervid's networks, and keep them as safetensors with a card."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from atexit import register
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fervid.models import checkpoint, zoo
from fervid.models.card import Card
from fervid.models.foreign import matching, notes, reading
from fervid.models.foreign.matching import Layer
from fervid.pipeline import folders
from fervid.pipeline.errors import ModelError, OutputError
from fervid.pipeline.frame import EMOTIONS

if TYPE_CHECKING:
    from torch import Tensor, nn

SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".pkl", ".tar")
"""How files of torch are called."""
KERAS = (".h5", ".hdf5", ".keras")

NAME = "weights.safetensors"
FORM = 1
"""Of what is kept: another one converts everything anew."""

log = logging.getLogger(__name__)


def is_file(model: str | Path) -> bool:
    """Whether a model's name is that of a file, not of weights that ship."""
    suffix = Path(model).suffix
    return suffix in zoo.SUFFIXES or suffix.lower() in SUFFIXES


def weights(model: str | Path) -> Path:
    """Return the .safetensors or .onnx file behind a shipped name or a path; a file of torch is converted once.

    Raises:
        ModelError: there is none, or it cannot be taken for a network that fervid knows.
    """
    path = Path(model)
    if path.suffix.lower() in KERAS:
        raise ModelError(f"{path}: {reading.KERAS}")
    return converted(path) if path.suffix.lower() in SUFFIXES else zoo.weights(model)


def converted(path: Path) -> Path:
    """Return the safetensors file that was, or is, made of a file of torch; what lies beside that stays as it is.

    It lies in the user's folder of caches, under a name that stands for the file's bytes and the notes beside it; where
    nothing can be written there, it is made for this process alone.
    """
    blob, said = reading.load(path), notes.notes(path)
    digest = hashlib.sha256(blob).hexdigest()
    whole = json.dumps([FORM, digest, said], sort_keys=True).encode()
    name = hashlib.sha256(whole).hexdigest()[:32]
    with suppress(RuntimeError, OSError):
        if (kept := _cache() / name / NAME).is_file():
            return kept
    card, network = _converted(path, blob, said)
    words = notes.told(path, said, card)
    card = replace(card, labels=EMOTIONS, converted_from=digest, notes={**card.notes, "converted": words})
    made = _keep(name, network, card)
    log.warning("%s: %s. It is read from %s", path, words, made)
    return made


def _converted(path: Path, blob: bytes, said: dict[str, Any]) -> tuple[Card, nn.Module]:
    states = reading.read(path, blob)
    entry, name, keys = _found(path, {entry: matching.layers(state) for entry, state in states.items()}, said)
    network = zoo.build(name)
    defaults = {key: getattr(network, key) for key in ("size", "mean", "std") if hasattr(network, key)}
    card = notes.card(path, said, name, defaults)
    state = {ours: states[entry][theirs] for ours, theirs in keys.items()}
    if odd := next((keys[ours] for ours, tensor in state.items() if not tensor.isfinite().all()), None):
        raise ModelError(f"{path}: {odd} holds numbers that are not finite; its training failed, or it is damaged")
    network.load_state_dict(_ordered(path, state, card, network), strict=False)
    return card, network


def _found(path: Path, files: dict[str, list[Layer]], said: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    """The entry of the file, the network whose layers it has, and our keys -> its keys."""
    wanted = [str(said["network"])] if "network" in said else zoo.networks.names()
    known = {name: matching.layers(zoo.build(name).state_dict()) for name in wanted}
    fits = [
        (entry, name, keys)
        for entry, theirs in files.items()
        for name, ours in known.items()
        if (keys := matching.match(theirs, ours))
    ]
    if not fits:
        raise ModelError(f"{path}: {_unknown(max(files.values(), key=len), known)}")
    if len(entries := dict.fromkeys(entry for entry, *_ in fits)) > 1:
        raise ModelError(f"{path}: holds several weights, {', '.join(map(repr, entries))}; keep one of them in a file")
    if len(fits) > 1:
        names = " and of ".join(name for _, name, _ in fits)
        raise ModelError(
            f'{path}: has the layers of {names}; say which, {{"network": ...}} in {path.stem}.json beside it'
        )
    entry, *_ = fits[0]
    if odd := matching.contradiction(files[entry]):
        raise ModelError(f"{path}: {odd[0]} stands in front of {odd[1]}: the order of its layers is not sure")
    return fits[0]


def _unknown(theirs: list[Layer], known: dict[str, list[Layer]]) -> str:
    """Say what the weights look like, and where the nearest network differs."""
    held = f"of no network that fervid knows ({', '.join(known)}): it holds {len(theirs)} layers"
    held += f", from {theirs[0]} to {theirs[-1]}" if theirs else ""
    name, ours = max(known.items(), key=lambda one: matching.common(theirs, one[1]))
    if not (same := matching.common(theirs, ours)):
        return held
    mine, other = (str(some[same]) if same < len(some) else "no more layer" for some in (ours, theirs))
    return f"{held}; {name} has {mine} in the place of {other}"


def _ordered(path: Path, state: dict[str, Tensor], card: Card, network: nn.Module) -> dict[str, Tensor]:
    """The last layer's rows in the order of EMOTIONS."""
    if card.labels == EMOTIONS:
        return state
    if not hasattr(network, "head"):
        raise ModelError(f"{path}: {card.network} has no layer named `head`, so its labels cannot be put in order")
    rows = [card.labels.index(emotion) for emotion in EMOTIONS]
    return {key: tensor[rows] if key.startswith("head.") else tensor for key, tensor in state.items()}


def _cache() -> Path:
    return folders.cache() / "weights"


def _keep(name: str, network: nn.Module, card: Card) -> Path:
    """Write weights and card into a folder that is whole or absent, whoever else makes it at the same time."""
    try:
        cache = _cache()
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache))
    except (OSError, RuntimeError):
        return _for_now(network, card)
    try:
        checkpoint.save(made / NAME, network, card)
        made.rename(cache / name)
    except (OSError, OutputError):
        shutil.rmtree(made, ignore_errors=True)
    kept = cache / name / NAME
    return kept if kept.is_file() else _for_now(network, card)


def _for_now(network: nn.Module, card: Card) -> Path:
    """Write them where they last as long as this process."""
    made = Path(tempfile.mkdtemp(prefix="fervid-"))
    register(shutil.rmtree, made, ignore_errors=True)
    checkpoint.save(made / NAME, network, card)
    return made / NAME
