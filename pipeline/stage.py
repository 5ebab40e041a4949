"""What a stage is, and how its name in the YAML leads to its class."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import ClassVar, TypeVar

from fervid.pipeline.errors import ConfigError
from fervid.pipeline.frame import Frame

FACTS = {
    "frames": "frames",
    "target": "labelled frames",
    "faces": "faces",
    "faces.track": "face tracks",
    "faces.emotions": "emotions",
    "faces.smoothed": "smoothed emotions",
    "faces.quality": "face quality",
    "image.changed": "a changed picture",
}
"""What stages may need, give or refuse, in words for messages; a plugin may use names of its own."""


class Stage:
    """Base of all stages: a frozen dataclass whose fields are its YAML options and whose `run` is one generator.

    What a run remembers is a local variable of `run`; what it must release is in a `with` or `finally` there.
    Building a stage opens nothing. Heavy libraries are imported inside the functions that use them.
    """

    name: ClassVar[str]
    """The stage's name in the YAML; `register` sets it."""
    needs: ClassVar[frozenset[str]] = frozenset({"frames"})
    """Facts that earlier stages must give. A source needs nothing and gives "frames"."""
    gives: ClassVar[frozenset[str]] = frozenset()
    """Facts that hold behind this stage."""
    refuses: ClassVar[frozenset[str]] = frozenset()
    """Facts that must not hold in front of this stage."""
    live: ClassVar[bool] = False
    """A source that cannot wait: when later stages are slow, only its newest frame is kept."""
    detached: ClassVar[bool] = False
    """Heavy enough that the frames in front of it are made in another thread."""
    input: ClassVar[str | None] = None
    """The option of a source that names its input; `fervid batch` fills it."""
    folders: ClassVar[bool] = False
    """Whether that input may be a folder; else `fervid batch` looks for videos in it."""
    output: ClassVar[str | None] = None
    """The option of a sink that names its file or folder; `fervid batch` puts it under its output folder."""
    placeholders: ClassVar[tuple[str, ...]] = ()
    """What that option may hold in braces beside `{name}` and `{time}`."""

    strict: ClassVar[bool] = False
    """Whether it must not miss a face: no stage with gaps may stand before it, though tracks bridge them."""

    @property
    def gaps(self) -> bool:
        """Whether it leaves out faces of some frames; tracks must bridge these before more is made of faces."""
        return False

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """Take frames, yield frames: the same objects with more known about them."""
        raise NotImplementedError


class Start:
    """What a source is given in place of frames: none, and the wish that the run shall end."""

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping

    def __iter__(self) -> Iterator[Frame]:
        return iter(())


def stopping(frames: Iterable[Frame]) -> threading.Event:
    """For a source that waits for its first frame: set when the run shall end; outside of a run it never is."""
    return frames.stopping if isinstance(frames, Start) else threading.Event()


S = TypeVar("S", bound=type[Stage])
_registry: dict[str, type[Stage]] = {}


def in_vain(stages: Sequence[Stage]) -> str | None:
    """Say that nothing shows or keeps what the last stage makes, if that is so."""
    last = stages[-1]
    if not last.gives:
        return None
    return f"nothing keeps or shows what the last stage, {last.name}, makes; csv, video or display behind it would"


def register(name: str) -> Callable[[S], S]:
    """Make a stage known under `name`.

    Raises:
        ConfigError: another class has that name, or a stage of fervid.
    """

    def enter(cls: S) -> S:
        if _built_in().get(name, cls.__module__) != cls.__module__:
            raise ConfigError(f"{cls.__module__}: {name!r} is a stage of fervid; choose another name")
        known = _registry.get(name)
        if known is not None and _origin(known) != _origin(cls):
            raise ConfigError(f"two stages are named {name!r}: {_origin(known)} and {_origin(cls)}; rename one")
        cls.name = name
        _registry[name] = cls
        return cls

    return enter


def _origin(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def find(name: str) -> type[Stage] | None:
    """Return the stage class of that name, importing only its own module; None if there is none."""
    if name not in _registry:
        if module := _built_in().get(name):
            importlib.import_module(module)
        elif points := tuple(entry_points(group="fervid.stages", name=name)):
            loaded = points[0].load()
            if not (isinstance(loaded, type) and issubclass(loaded, Stage)):
                raise ConfigError(f"{points[0].value} is no stage; the class must have the base Stage")
            register(name)(loaded)
    return _registry.get(name)


def names() -> list[str]:
    """All stage names: built in, installed by other packages, and registered by plugins."""
    installed = {point.name for point in entry_points(group="fervid.stages")}
    return sorted({*_built_in(), *installed, *_registry})


@cache
def _built_in() -> dict[str, str]:
    """File name = stage name: maps each to its module, without importing any."""
    package = importlib.import_module("fervid.stages")
    rooms = [m for m in pkgutil.iter_modules(package.__path__, "fervid.stages.") if m.ispkg]
    found: dict[str, str] = {}
    for room in rooms:
        path = [f"{base}/{room.name.rpartition('.')[2]}" for base in package.__path__]
        found |= {m.name: f"{room.name}.{m.name}" for m in pkgutil.iter_modules(path) if not m.ispkg}
    return found
