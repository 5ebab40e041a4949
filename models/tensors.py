"""Pack a network's numbers into safetensors bytes, and unpack them only into the network that they fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from fervid.pipeline.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

Store = Literal["fp32", "fp16", "int8+fp16", "int8"]
"""How matrices are kept: in 4, 2 or 1 byte a number; int8+fp16 takes 1 for dense layers and 2 for convolutions. They
are computed with in fp32; vectors always stay fp32."""

HEADER = 1_000_000
"""Bytes of the longest header that is read; real ones have some ten thousand."""

WIDTHS = {"F32": 4, "F16": 2, "I8": 1, "I64": 8}

SCALE = ".scale"
"""Ends the name of the factors, one a row, of a matrix kept as 8-bit integers."""


class Entry(NamedTuple):
    """One tensor as a header announces it."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def pack(state: Mapping[str, Tensor], store: Store) -> bytes:
    """Return the bytes of a safetensors file."""
    from safetensors.torch import save

    kept: dict[str, Tensor] = {}
    for name, tensor in state.items():
        plain = tensor.detach().cpu().contiguous().clone()
        matrix = plain.is_floating_point() and plain.dim() > 1
        if matrix and (store == "int8" or (store == "int8+fp16" and plain.dim() == 2)):
            kept[name], kept[name + SCALE] = _to_int8(plain)
        else:
            kept[name] = plain.half() if matrix and store != "fp32" else plain
    return save(kept)


def unpack(blob: bytes, wanted: Mapping[str, Tensor], path: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a file in fp32. Nothing is made before all names, shapes, types and places are checked.

    Raises:
        ModelError: it is no safetensors file, of another network than `name`, or holds numbers that are not finite.
    """
    _check(_header(blob, path), wanted, path, name)
    stored = _stored(blob, path)
    restored = {
        key: _restored(key, stored) if tensor.is_floating_point() else stored[key] for key, tensor in wanted.items()
    }
    for key, tensor in restored.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: {key} holds numbers that are not finite; train or download it again")
    return restored


def everything(blob: bytes, path: Path) -> dict[str, Tensor]:
    """Return all tensors of a file, whatever network they are of, once their names, types and places are checked.

    Raises:
        ModelError: it is no safetensors file.
    """
    _header(blob, path)
    return _stored(blob, path)


def largest(wanted: Mapping[str, Tensor]) -> int:
    """Bytes of the largest file that can hold these tensors."""
    return HEADER + 8 + sum(tensor.nbytes for tensor in wanted.values())


def _stored(blob: bytes, path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(blob)
    except SafetensorError as error:
        raise ModelError(f"{path}: no safetensors file: {error}") from None


def _to_int8(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 127 steps of its largest number."""
    import torch

    rows = matrix.flatten(1)
    scale = (rows.abs().amax(1) / 127).clamp_min(1e-12)
    return (rows / scale[:, None]).round().to(torch.int8).view(matrix.shape), scale


def _restored(key: str, stored: Mapping[str, Tensor]) -> Tensor:
    number = stored[key].float()
    if (scale := stored.get(key + SCALE)) is None:
        return number
    return (number.flatten(1) * scale.float()[:, None]).view(number.shape)


def _header(blob: bytes, path: Path) -> dict[str, Entry]:
    length = int.from_bytes(blob[:8], "little")
    if len(blob) < 8 or length > min(HEADER, len(blob) - 8):
        raise ModelError(f"{path}: no safetensors file, or cut short")
    try:
        written = json.loads(blob[8 : 8 + length])
        written.pop("__metadata__", None)
        entries = {key: Entry(str(e["dtype"]), tuple(e["shape"]), *e["data_offsets"]) for key, e in written.items()}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        raise ModelError(f"{path}: no safetensors file: its header cannot be read") from None
    for key, entry in entries.items():
        numbers = (*entry.shape, entry.begin, entry.end)
        whole = entry.dtype in WIDTHS and all(type(number) is int and number >= 0 for number in numbers)
        if not whole or entry.end - entry.begin != WIDTHS[entry.dtype] * prod(entry.shape):
            raise ModelError(f"{path}: no safetensors file: its header says nonsense of {key}")
        if entry.end > len(blob) - 8 - length:
            raise ModelError(f"{path}: cut short: {key} lies behind its end")
    return entries


def _check(entries: dict[str, Entry], wanted: Mapping[str, Tensor], path: Path, name: str) -> None:
    def refuse(why: str) -> NoReturn:
        raise ModelError(f"{path}: not weights of {name}: {why}")

    scales = {key + SCALE: key for key, entry in entries.items() if entry.dtype == "I8"}
    if odd := sorted({*wanted, *scales} ^ entries.keys()):
        refuse(f"{odd[0]} is {'unknown to it' if odd[0] in entries else 'missing'}")
    for key, entry in entries.items():
        tensor = wanted.get(key)
        shape = tuple(wanted[scales[key]].shape[:1]) if tensor is None else tuple(tensor.shape)
        whole = tensor is not None and not tensor.is_floating_point()
        types = {"I64"} if whole else {"F32", "F16"} | ({"I8"} if len(shape) > 1 else set())
        if entry.shape != shape or entry.dtype not in types:
            refuse(f"{key} is {entry.dtype} {list(entry.shape)}, not {list(shape)}")
