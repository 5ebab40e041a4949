"""From a name in the YAML to its class: built in, installed by another package, or registered by a plugin."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from fervid.pipeline.errors import ConfigError

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Classes of one kind by name. Looking one up imports its own module and no other.

    `package` holds the built-in ones, each in a file of its name, `depth` folders down; `group` is the group of entry
    points in which other packages offer theirs.
    """

    def __init__(self, kind: str, base: Callable[[], type[T]], package: str, group: str, depth: int = 0) -> None:
        self.kind, self.base, self.package, self.group, self.depth = kind, base, package, group, depth
        self.known: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Make a class known under `name`, which becomes its attribute of that name.

        Raises:
            ConfigError: another class has that name, or one of fervid.
        """

        def enter(cls: C) -> C:
            if self.built_in.get(name, cls.__module__) != cls.__module__:
                raise ConfigError(f"{cls.__module__}: {name!r} is a {self.kind} of fervid; choose another name")
            known = self.known.get(name)
            if known is not None and _origin(known) != _origin(cls):
                both = f"{_origin(known)} and {_origin(cls)}"
                raise ConfigError(f"two {self.kind}s are named {name!r}: {both}; rename one")
            self.known[name] = cls
            cls.name = name  # type: ignore[attr-defined]
            return cls

        return enter

    def find(self, name: str) -> type[T] | None:
        """Return the class of that name; None if there is none.

        Raises:
            ConfigError: an entry point leads to something else.
        """
        if name not in self.known:
            if module := self.built_in.get(name):
                importlib.import_module(module)
            elif points := tuple(entry_points(group=self.group, name=name)):
                loaded = points[0].load()
                if not (isinstance(loaded, type) and issubclass(loaded, self.base())):
                    what = f"{points[0].value} is no {self.kind}"
                    raise ConfigError(f"{what}; the class must have the base {self.base().__name__}")
                self.register(name)(loaded)
        return self.known.get(name)

    def names(self) -> list[str]:
        """All names: built in, installed by other packages, and registered by plugins."""
        installed = {point.name for point in entry_points(group=self.group)}
        return sorted({*self.built_in, *installed, *self.known})

    @cached_property
    def built_in(self) -> dict[str, str]:
        """File name = name: maps each to its module, without importing any."""
        folders = {self.package: list(importlib.import_module(self.package).__path__)}
        for _ in range(self.depth):
            folders = {
                room.name: [f"{base}/{room.name.rpartition('.')[2]}" for base in bases]
                for prefix, bases in folders.items()
                for room in pkgutil.iter_modules(bases, f"{prefix}.")
                if room.ispkg
            }
        return {
            module.name.rpartition(".")[2]: module.name
            for prefix, bases in folders.items()
            for module in pkgutil.iter_modules(bases, f"{prefix}.")
            if not module.ispkg
        }


def _origin(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
