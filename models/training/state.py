"""Stop a training at any time and go on later to the very same weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fervid.models.training.learner import Epoch, Learner
from fervid.models.training.optimise import Plateau
from fervid.pipeline.errors import ModelError
from fervid.pipeline.output import write


def save(learner: Learner, path: Path) -> None:
    """Write all that the next epoch depends on, in one file that is complete or absent.

    Raises:
        OutputError: the disk is full.
    """
    from safetensors.torch import save as to_bytes

    tensors: dict[str, Tensor] = {}
    for prefix, network in (("network", learner.network), ("average", learner.average)):
        tensors |= {f"{prefix}.{name}": tensor for name, tensor in network.state_dict().items()}
    numbers: dict[str, Any] = {}
    for index, slots in learner.optimizer.state_dict()["state"].items():
        for name, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            elif value is not None:
                numbers[f"{index}.{name}"] = value
    about = {
        "epoch": learner.epoch,
        "step": learner.step,
        "plateau": asdict(learner.plateau),
        "history": [asdict(epoch) for epoch in learner.history],
        "learned": learner.learned,
        "optimizer": numbers,
    }
    whole = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    write(path, to_bytes(whole, {"state": json.dumps(about)}))


def restore(learner: Learner, path: Path) -> None:
    """Bring a learner to where `save` left it.

    Raises:
        ModelError: the file is damaged or of another network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for prefix, network in (("network", learner.network), ("average", learner.average)):
            network.load_state_dict(_under(prefix, tensors))
        _restore_optimizer(learner, _under("optimizer", tensors), about["optimizer"])
        learner.epoch, learner.step, learner.learned = about["epoch"], about["step"], about["learned"]
        learner.history = [Epoch(**row) for row in about["history"]]
        learner.plateau = Plateau(**about["plateau"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path}: cannot go on from it: damaged, or of another version of the network; choose another `out`, or "
            f"set overwrite: true to start over ({error})"
        ) from error


def _restore_optimizer(learner: Learner, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Fused optimizers go through memory in one line, so what belongs to weights must lie there as they do."""
    weights = [weight for group in learner.optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, value in (tensors | numbers).items():
        index, _, name = key.partition(".")
        weight = weights[int(index)]
        alike = isinstance(value, Tensor) and value.shape == weight.shape
        state.setdefault(int(index), {})[name] = torch.empty_like(weight).copy_(value) if alike else value
    learner.optimizer.load_state_dict({**learner.optimizer.state_dict(), "state": state})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
