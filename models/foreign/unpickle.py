"""Read what `torch.save` wrote in a process of its own, which a hostile file can bring to no more than its end.

python -m fervid.models.foreign.unpickle MEMORY SECONDS NUMBERS < FILE > ANSWER

It ends with 0 and safetensors, whose names are JSON: [entry of the file, place in it, key]; or with REFUSED and a
sentence without a subject.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

REFUSED = 3
MOST = 2_000
"""Tensors in a file: a ResNet-152 has 930."""
NAMES = 400_000
"""Letters of all their names."""

ROOM = 9
"""Bytes of the answer for each number, the names among them."""

PICKLED = (
    "is more than numbers: it would run code ({what}) to be read; where you trust it, open it where it was made and "
    "keep its numbers: torch.save(model.state_dict(), 'weights.pth')"
)
SCRIPTED = "is TorchScript, a program; keep its numbers: torch.save(torch.jit.load(...).state_dict(), 'weights.pth')"
KERAS = "is a Keras file"
OTHER = "is no file that torch.save wrote, or is damaged"
GREEDY = "claims more memory than a network that fervid knows needs"


class UnreadableError(Exception):
    """A file that is no weights, or none that can be read: a sentence without a subject."""


def main(memory: int, seconds: int, numbers: int) -> None:
    """Answer on stdout; `memory` is in bytes beyond what torch takes, `seconds` are of processor time."""
    import torch  # noqa: F401  before the limit on memory, which it would need

    blob = sys.stdin.buffer.read()
    limit(memory + 4 * len(blob), seconds, ROOM * numbers)
    try:
        sys.stdout.buffer.write(answer(blob, numbers))
    except UnreadableError as error:
        sys.stdout.buffer.write(str(error)[:1000].encode(errors="replace"))
        sys.exit(REFUSED)


def answer(blob: bytes, numbers: int) -> bytes:
    """Return safetensors of all state dicts in a file of torch.

    Raises:
        UnreadableError: there is none, or it is no such file.
    """
    import torch
    from safetensors.torch import save

    try:
        with torch.serialization.safe_globals(figures()):
            held = torch.load(io.BytesIO(blob), map_location="cpu", weights_only=True)
        if not (found := dict(states(held))):
            raise UnreadableError(f"holds no state dict: it is {described(held)}")
        return save(packed(found, numbers))
    except MemoryError:
        raise UnreadableError(GREEDY) from None
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(reason(blob, str(error))) from None


def limit(memory: int, seconds: int, written: int) -> None:
    """Let this process take no more from here on, where the system can hold it to that."""
    try:
        import resource
    except ImportError:
        return
    used, cpu = taken(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + seconds, int(cpu) + seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    if used is not None:
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))


def taken() -> int | None:
    """Bytes of addresses that this process has; None where nobody says."""
    import resource

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def figures() -> list[Any]:
    """What a NumPy number, such as the best accuracy beside the weights, is made of: numbers alone."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    return [scalar, np.dtype, *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?"))]


def states(held: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The state dicts in what was read: itself, or entries of it, such as `model_state_dict`."""
    if is_state(held):
        yield "", held
    elif isinstance(held, dict):
        yield from ((str(name), state) for name, state in held.items() if is_state(state))


def is_state(held: Any) -> bool:
    import torch

    return (
        isinstance(held, dict)
        and bool(held)
        and all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in held.items())
    )


def packed(found: dict[str, dict[str, Tensor]], numbers: int) -> dict[str, Tensor]:
    """Every tensor as it is meant, in fp32 or int64; nothing is made before its size is known."""
    every = {
        json.dumps([name, place, key]): tensor
        for name, state in found.items()
        for place, (key, tensor) in enumerate(state.items())
    }
    if len(every) > MOST or sum(map(len, every)) > NAMES:
        raise UnreadableError(f"holds {len(every)} tensors, more than any network that fervid knows")
    if odd := next((name for name, tensor in every.items() if not is_plain(tensor)), None):
        raise UnreadableError(f"holds {json.loads(odd)[2]} in a form that fervid does not read: {kind(every[odd])}")
    if sum(tensor.numel() for tensor in every.values()) > numbers:
        raise UnreadableError(GREEDY)
    return {name: whole(tensor) for name, tensor in every.items()}


def is_plain(tensor: Tensor) -> bool:
    """Whether it holds its real numbers itself, one by one."""
    import torch

    dense = tensor.layout == torch.strided and tensor.device.type == "cpu"
    return dense and not tensor.is_quantized and not tensor.is_complex()


def whole(tensor: Tensor) -> Tensor:
    return (tensor.float() if tensor.is_floating_point() else tensor.long()).detach().contiguous().clone()


def kind(tensor: Tensor) -> str:
    return f"{tensor.dtype}, {tensor.layout}, {tensor.device.type}".replace("torch.", "")


def described(held: Any) -> str:
    if isinstance(held, dict):
        return f"a dict of {', '.join(map(str, list(held)[:6])) or 'nothing'}"
    return f"a {type(held).__name__}"


def reason(blob: bytes, error: str) -> str:
    """Say of a file that torch refused what it is."""
    names = zipfile.ZipFile(io.BytesIO(blob)).namelist() if zipfile.is_zipfile(io.BytesIO(blob)) else []
    if any(name.endswith("constants.pkl") for name in names):
        return SCRIPTED
    if "model.weights.h5" in names:
        return KERAS
    if "allocate" in error or "bad_alloc" in error:
        return GREEDY
    code = re.search(r"GLOBAL (\S+)|[Tt]rying to load unsupported GLOBAL (\S+)", error)
    return PICKLED.format(what=code[1] or code[2]) if code else OTHER


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
