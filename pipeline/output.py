"""Files that are complete or absent: written under a temporary name, renamed when whole."""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from fervid.pipeline import temporary
from fervid.pipeline.claim import held, partial
from fervid.pipeline.errors import ConfigError, OutputError
from fervid.pipeline.frame import Source
from fervid.pipeline.naming import harmless
from fervid.pipeline.ownership import SIGNED, Origin, Record, check, origin, regular

PLACEHOLDER = re.compile(r"{([^{}]*)}")
MOMENT = "????-??-??_??-??-??"
"""What `{time}` looks like."""
EVERYWHERE = ("name", "time")
"""Placeholders of every path template: the input's name, and when it was opened."""


class Owner(Protocol):
    """A run, as far as its files are concerned; `fervid.pipeline.Run` is one."""

    source: Source | None
    began: datetime
    resumable: bool
    overwrite: bool
    outputs: list[Path]
    deferred: list[Callable[[], None]] | None

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it before a recorded input was read to its end."""
        ...


@dataclass
class Output:
    """A file in the making."""

    path: Path
    """What it will be called when it is whole."""
    part: Path
    """Where to write it."""
    origin: Origin
    """What it is made from, for a record of it."""
    record: Record = SIGNED
    """Where it says that."""
    final: Path | None = None
    """What it was called at last; None while it has no name, or where nothing was kept."""
    pieces: list[Path] = field(default_factory=list)
    """Files that it was made of, which go once it has its name."""
    named: Callable[[], None] = lambda: None
    """What to do then."""


def resolve(template: str, run: Owner, **others: str) -> Path:
    """Fill `{name}`, `{time}` and the others in a path template; nothing that is filled in can leave the folder.

    Raises:
        ConfigError: a placeholder that does not exist.
    """
    if unknown := unknown_placeholder(template, tuple(others)):
        raise ConfigError(unknown)
    assert run.source
    values = {"name": run.source.name, "time": run.began.strftime("%Y-%m-%d_%H-%M-%S"), **others}
    return Path(PLACEHOLDER.sub(lambda found: harmless(values[found[1]]), template))


def made(template: str, run: Owner, suffix: str = "") -> list[Path]:
    """What runs over this input have made of a path template, at whatever time they began; the newest last."""
    assert run.source
    pattern = glob.escape(template.replace("{name}", harmless(run.source.name))).replace("{time}", MOMENT)
    return [Path(path) for path in sorted(glob.glob(pattern + suffix), key=os.path.getmtime)]


def unknown_placeholder(template: str, others: Sequence[str] = ()) -> str | None:
    """Say which placeholder of a path template is neither `{name}`, `{time}` nor one of the others, if one is not."""
    known = (*EVERYWHERE, *others)
    for placeholder in PLACEHOLDER.findall(template):
        if placeholder not in known:
            there = ", ".join(f"{{{one}}}" for one in known)
            return f"{template}: no placeholder {{{placeholder}}}; there is {there}"
    return None


@contextmanager
def output(path: Path, run: Owner, record: Record = SIGNED) -> Iterator[Output]:
    """Give a file to write; it takes the name `path` when the block ends well, and stands in `run.outputs` then.

    The temporary file lies beside the final one, as `NAME.part`, so that the rename is atomic; a killed process
    leaves only that. Where the block raises or a recorded source was cut short by the user, what was written is kept
    as `STEM.partial.SUFFIX`, until one that is whole takes its place: a live source has no end, so stopping one is a
    good end. A run that can be resumed leaves it as it is, and names its files once all
    of them are whole. `record` says where outputs of this kind tell what they were made from.

    Raises:
        OutputError: the folder or file cannot be written or another run writes it, or the output would replace the
            input, an earlier recording of a live source, or what fervid did not make from this input.
        InputError: the input was changed meanwhile.
    """
    assert run.source
    part = path.with_name(f"{path.name}.part")
    made = Output(path, part, origin(run.source), record)
    with held(path, part, run, made.origin.text, record):
        try:
            yield made
            if run.source.original and not run.interrupted:
                run.source.original.check()
        except BaseException as error:
            stopped = isinstance(error, GeneratorExit | KeyboardInterrupt)
            if part.exists() and not part.stat().st_size:
                part.unlink()
            if not run.resumable:
                with suppress(OutputError):
                    _keep(made, path if stopped and run.source.live else partial(path), run)
            if isinstance(error, OSError):
                raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
            raise
        if run.interrupted and run.resumable:
            return
        if run.interrupted:
            _keep(made, partial(path), run)
        elif run.deferred is None:
            _finish(made, run)
        else:
            run.deferred.append(lambda: _finish(made, run))


def _finish(made: Output, run: Owner) -> None:
    _keep(made, made.path, run)
    with suppress(OutputError):
        check(partial(made.path), run, made.record)
        for old in made.record.files(partial(made.path)):
            old.unlink(missing_ok=True)


def _keep(made: Output, final: Path, run: Owner) -> None:
    """Give the file its name.

    Raises:
        OutputError: the folder or the file went away meanwhile, or something else took the name.
    """
    try:
        check(final, run, made.record)
        made.part.lstat()
        for old in made.record.files(final)[1:]:
            old.unlink(missing_ok=True)  # it is not true of the new one
        made.part.replace(final)
        made.final = final
        run.outputs.append(final)
        for piece in made.pieces:
            piece.unlink(missing_ok=True)
    except OutputError as error:
        why = str(error).removeprefix(f"{final}: ")
        raise OutputError(f"{final}: cannot be written: {why}; what there is lies in {made.part}") from None
    except FileNotFoundError:
        raise OutputError(f"{final}: cannot be written: {made.part} was taken away while it was written") from None
    except OSError as error:
        raise OutputError(f"{final}: cannot be written: {error.strerror}; what there is lies in {made.part}") from error
    made.named()


def write(path: Path, blob: bytes, *, sync: bool = False) -> None:
    """Write a small file that is complete or absent; with `sync` it is on the disk before it has its name.

    Raises:
        OutputError: the folder cannot be written to, the disk is full, or the name is that of no ordinary file.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        regular(path)
        with temporary.create(part) as file:
            _fill(file, part, blob, sync)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _fill(file: io.FileIO, part: Path, blob: bytes, sync: bool) -> None:
    try:
        with io.BufferedWriter(file) as buffer:
            buffer.write(blob)
            buffer.flush()
            if sync:
                os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
