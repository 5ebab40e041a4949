"""Get the numbers out of a file that `torch.save` wrote; whatever else it holds is not run."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fervid.models import tensors
from fervid.models.checkpoint import bounded
from fervid.models.foreign import unpickle
from fervid.pipeline.errors import ModelError, plain
from fervid.pipeline.interpreter import PYTHON

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 256 << 20
"""Bytes of the largest file that is read: fervid's largest network has 31 MB, with an optimizer's numbers 94."""
NUMBERS = 64 << 20
"""Most numbers in it."""
MEMORY = 1 << 30
"""Bytes that reading may take beyond torch and four times the file."""
SECONDS = 20
"""Processor time that reading may take; where the machine is busy, as much again ten times over."""

HDF5 = b"\x89HDF\r\n\x1a\n"
KERAS = (
    "is a Keras file, which fervid does not read; train the network here (`fervid run configs/train_keras_cnn4.yaml`, "
    "configs/train_deep_elu.yaml), or bring its weights as a state dict of torch"
)

States = Mapping[str, "dict[str, Tensor]"]
"""Tensors by key, in the file's order, for each state dict in it, by the name of its entry; "" is the file itself."""


def load(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        ModelError: it is not there, too large, or Keras's.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    blob = bounded(path, LARGEST, f"larger than {LARGEST >> 20} MB, so of no network that fervid knows")
    if blob.startswith(HDF5):
        raise ModelError(f"{path}: {KERAS}")
    return blob


def read(path: Path, blob: bytes) -> States:
    """Return the tensors of a file whose bytes are `blob`, in fp32 or int64.

    Raises:
        ModelError: it holds other things than numbers, is damaged, or claims more memory or time than it should.
    """
    if find_spec("torch") is None:
        raise ModelError(f'{path}: torch is not installed; install it: pip install "fervid[train]"')
    with tempfile.TemporaryFile() as answer:
        code = _run(blob, answer)
        answer.seek(0)
        made = answer.read()
    if code == unpickle.REFUSED:
        why = plain(made.decode(errors="replace"))
        raise ModelError(f"{path}: {KERAS if why == unpickle.KERAS else why}")
    if code:
        raise ModelError(f"{path}: takes more memory or time to read than weights do, or is damaged")
    states: dict[str, dict[str, Tensor]] = {}
    every = tensors.everything(made, path)
    for name in sorted(every, key=json.loads):
        entry, _, key = json.loads(name)
        states.setdefault(plain(entry), {})[plain(key)] = every[name]
    return states


def _run(blob: bytes, answer: IO[bytes]) -> int:
    """Start the reader and return its exit status."""
    limits = map(str, (MEMORY, SECONDS, NUMBERS))
    command = [*PYTHON, "-m", unpickle.__name__, *limits]
    try:
        how = {"stdout": answer, "stderr": subprocess.DEVNULL}
        done = subprocess.run(command, input=blob, timeout=10 * SECONDS, check=False, **how)  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        return -1
    return int(done.returncode)
