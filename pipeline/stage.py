"""What a stage is, and how its name in the YAML leads to its class."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Generator, Sequence
from typing import Any, ClassVar, NamedTuple

from fervid.pipeline.fact import FRAMES, Fact
from fervid.pipeline.frame import Frame
from fervid.pipeline.frames import Frames
from fervid.pipeline.registry import Registry

Facts = Sequence[Fact[Any]]


class Terms(NamedTuple):
    """What a stage asks of the chain, and what it brings."""

    needs: Facts
    gives: Facts
    refuses: Facts
    ends: Facts


class Stage:
    """Base of all stages: a frozen dataclass whose fields are its YAML options and whose `run` is one generator.

    What a run remembers is a local variable of `run`, asked for through `frames.keep` so that a resume brings it back;
    what it must release is in a `with` or `finally` there. Building a stage opens nothing. Heavy libraries are imported
    inside the functions that use them.
    """

    name: ClassVar[str]
    """The stage's name in the YAML; `register` sets it."""
    needs: ClassVar[Facts] = (FRAMES,)
    """Facts that earlier stages must give. A source needs nothing and gives FRAMES."""
    gives: ClassVar[Facts] = ()
    """Facts that hold behind this stage; their columns stand in tables in this order."""
    refuses: ClassVar[Facts] = ()
    """Facts that must not hold in front of this stage."""
    ends: ClassVar[Facts] = ()
    """Facts that no longer hold behind this stage."""
    detached: ClassVar[bool] = False
    """Heavy enough that the frames in front of it are made in another thread."""

    def terms(self) -> Terms:
        """The facts above; a stage whose options change them says so here."""
        return Terms(self.needs, self.gives, self.refuses, self.ends)

    def run(self, frames: Frames) -> Generator[Frame]:
        """Take frames, yield frames: the same objects with more known about them."""
        raise NotImplementedError


stages: Registry[Stage] = Registry("stage", lambda: Stage, "fervid.stages", "fervid.stages", depth=1)
"""Every stage there is. One of fervid's is in a file of its name."""


register = stages.register
"""Make a stage known under a name."""


def in_vain(chain: Collection[Stage]) -> str | None:
    """Say that nothing shows or keeps what the last stage makes, if that is so."""
    last = list(chain)[-1]
    if not last.gives:
        return None
    return f"nothing keeps or shows what the last stage, {last.name}, makes; csv, video or display behind it would"


def room(cls: type[Stage]) -> str:
    """The folder of a stage."""
    parts = cls.__module__.split(".")
    return parts[2] if parts[:2] == ["fervid", "stages"] and len(parts) > 2 else "plugins"


def gain(cls: type[Stage]) -> str:
    """One line: what a reader gains from a stage. A file of fervid holds one stage, and its first line says it."""
    module = "" if room(cls) == "plugins" else inspect.getdoc(sys.modules[cls.__module__])
    own = "" if cls.__doc__ is None or cls.__doc__.startswith(f"{cls.__name__}(") else inspect.getdoc(cls)
    return (module or own or "").partition("\n")[0]
