"""What an option is for, said on its field: `path: Annotated[str, Writes()]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from fervid.pipeline.ownership import SIGNED, Record
from fervid.pipeline.registry import Registry
from fervid.pipeline.stage import Stage


@dataclass(frozen=True)
class Reads:
    """It names the input: `fervid run CONFIG INPUT` fills it, and `fervid batch` where that is a file."""

    folders: bool = False
    """Whether that may be a folder; else `fervid batch` looks for videos in it."""


@dataclass(frozen=True)
class Writes:
    """It is the path of a file or folder to write, with placeholders; `fervid batch` puts it under its own folder."""

    placeholders: tuple[str, ...] = ()
    """What it may hold in braces beside `{name}` and `{time}`."""
    folder: bool = False
    """Whether it is a folder."""
    record: Record = SIGNED
    """Where its outputs say what they were made from."""

    def __init__(self, *placeholders: str, folder: bool = False, record: Record = SIGNED) -> None:
        object.__setattr__(self, "placeholders", placeholders)
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "record", record)


@dataclass(frozen=True)
class Shows:
    """It lists columns of facts that are given in front of the stage."""


@dataclass(frozen=True)
class Names:
    """It names a class of a registry, whose code is part of what the stage does."""

    registry: Registry[Any]


R = TypeVar("R", Reads, Writes, Shows, Names)


def option(cls: type[Stage], role: type[R]) -> tuple[str, R] | None:
    """The name of the option with that role, and the role; None where there is none."""
    return next(((name, one) for name, one in _roles(cast(Any, cls)) if isinstance(one, role)), None)


def written(stage: Stage) -> str | None:
    """The path template that a stage writes to, if it writes."""
    found = option(type(stage), Writes)
    template = getattr(stage, found[0]) if found else None
    return None if template is None else str(template)


def plugin_files(stage: Stage) -> Iterator[tuple[str, Path]]:
    """Files that are not fervid's: the stage's own by its name, a class's that an option names by the option's."""
    found = option(type(stage), Names)
    named = {f"{stage.name}.{found[0]}": found[1].registry.find(getattr(stage, found[0]))} if found else {}
    for name, cls in {stage.name: type(stage), **named}.items():
        file = sys.modules[cls.__module__].__file__ if cls else None
        if cls and file and not cls.__module__.startswith("fervid.stages."):
            yield name, Path(file)


@cache
def _roles(cls: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, one) for name, hint in hints.items() for one in _extras(hint))


def _extras(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()
