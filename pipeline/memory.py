"""What a stage remembers, as plain data and back: nothing that is kept can run when it is read."""

from __future__ import annotations

import base64
import dataclasses
import sys
from collections import Counter, deque
from collections.abc import Collection, Mapping, MutableMapping, MutableSet
from datetime import datetime
from fractions import Fraction
from typing import Any

from fervid.pipeline.frame import Face, Frame

PLAIN = (str, int, float, bool, type(None))


class NotPlainError(TypeError):
    """A value that cannot be kept."""


class Writer:
    """Turns objects into JSON's types. An object that stands at several places is written once."""

    def __init__(self) -> None:
        self._written: dict[int, int] = {}
        self._alive: list[Any] = []

    @property
    def seen(self) -> Collection[int]:
        """Identities of the objects that were written."""
        return self._written.keys()

    def write(self, value: Any) -> Any:
        """Plain data.

        Raises:
            NotPlainError: there is something in it that is none.
        """
        import numpy as np

        if isinstance(value, PLAIN):
            return value
        if isinstance(value, np.generic):
            return {"number": self.write(np.array([value]))["array"]}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            blob = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"array": [value.dtype.str, list(value.shape), blob]}
        if isinstance(value, Fraction | datetime):
            return {type(value).__name__.lower(): str(value)}
        if isinstance(value, tuple):
            return {"tuple": [self.write(one) for one in value]}
        return self._reference(value)

    def _reference(self, value: Any) -> Any:
        if id(value) in self._written:
            return {"same": self._written[id(value)]}
        number = self._written[id(value)] = len(self._written)
        self._alive.append(value)
        if isinstance(value, MutableMapping):
            kind = "counter" if isinstance(value, Counter) else "dict"
            return {"id": number, kind: [[self.write(key), self.write(one)] for key, one in value.items()]}
        if isinstance(value, deque):
            return {"id": number, "list": [self.write(one) for one in value], "most": value.maxlen}
        if isinstance(value, list):
            return {"id": number, "list": [self.write(one) for one in value]}
        if isinstance(value, MutableSet):
            return {"id": number, "set": [self.write(one) for one in value]}
        return {"id": number, "of": _full_name(type(value)), "state": self._state(value)}

    def _state(self, value: Any) -> dict[str, Any]:
        written = {}
        for name, one in state(value).items():
            try:
                written[name] = self.write(one)
            except NotPlainError as error:
                raise NotPlainError(f"{type(value).__name__}.{name}: {error}") from None
        return written


class Reader:
    """Turns plain data back into objects of the classes that the stage's own modules name."""

    def __init__(self, home: str) -> None:
        """`home` is the module that keeps them: only classes that can be seen from there are made."""
        self._known: dict[int, Any] = {}
        self._classes = {_full_name(cls): cls for cls in (Face, Frame, *_classes(home))}

    def read(self, data: Any) -> Any:
        """The object.

        Raises:
            ValueError: this is not what `Writer` wrote of such an object.
        """
        if isinstance(data, PLAIN):
            return data
        if "same" in data:
            return self._known[data["same"]]
        if "array" in data:
            return _array(*data["array"])
        if "number" in data:
            return _array(*data["number"])[0]
        if "tuple" in data:
            return tuple(self.read(one) for one in data["tuple"])
        if "fraction" in data:
            return Fraction(data["fraction"])
        if "datetime" in data:
            return datetime.fromisoformat(data["datetime"])
        return self.fill(self._empty(data), data)

    def fill(self, new: Any, data: Any) -> Any:
        """The same object as it was when it was written."""
        if "array" in data:
            new[...] = self.read(data)
            return new
        self._known[data["id"]] = new
        if (pairs := data.get("dict", data.get("counter"))) is not None:
            new.clear()
            new.update({self.read(key): self.read(one) for key, one in pairs})
        elif "list" in data:
            new.clear()
            new.extend(self.read(one) for one in data["list"])
        elif "set" in data:
            new.clear()
            new.update(self.read(one) for one in data["set"])
        else:
            _take(new, {name: self._again(getattr(new, name, None), one) for name, one in data["state"].items()})
        return new

    def _again(self, there: Any, data: Any) -> Any:
        """What is there already is filled, for its owner may know it by another name too."""
        fits = isinstance(data, dict) and "id" in data and there is not None
        return self.fill(there, data) if fits else self.read(data)

    def _empty(self, data: Mapping[str, Any]) -> Any:
        if "most" in data:
            return deque(maxlen=data["most"])
        empty: dict[str, Any] = {"dict": dict, "counter": Counter, "list": list, "set": set}
        for kind, make in empty.items():
            if kind in data:
                return make()
        if data["of"] not in self._classes:
            raise ValueError(f"no class {data['of']!r}")
        cls: Any = self._classes[data["of"]]
        return cls.__new__(cls)


def state(value: Any) -> Mapping[str, Any]:
    """What an object consists of: what a `__getstate__` of its own says, or the fields of a dataclass.

    Raises:
        NotPlainError: it has neither.
    """
    if own := _own(value, "__getstate__"):
        told: Mapping[str, Any] = own(value)
        return told
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise NotPlainError(f"{type(value).__name__} is no plain data")


def _take(new: Any, kept: Mapping[str, Any]) -> None:
    """Give an object its state; what it has beside that stays."""
    if own := _own(new, "__setstate__"):
        own(new, kept)
        return
    for name, value in kept.items():
        object.__setattr__(new, name, value)


def _own(value: Any, method: str) -> Any:
    """A method that its author wrote; frozen dataclasses with slots bring others, for pickle."""
    found = getattr(type(value), method, None)
    return found if getattr(found, "__module__", None) not in (None, "builtins", "dataclasses") else None


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _array(kind: str, shape: list[int], blob: str) -> Any:
    import numpy as np

    return np.frombuffer(base64.b64decode(blob), np.dtype(kind)).reshape(shape).copy()


def _classes(home: str) -> list[type]:
    """The dataclasses and the like that can be seen from a module, and from those that they stand in."""
    found: dict[type, None] = {}
    todo = [home]
    seen: set[str] = set()
    while todo:
        module = todo.pop()
        if module in seen or module not in sys.modules:
            continue
        seen.add(module)
        for one in vars(sys.modules[module]).values():
            if isinstance(one, type) and (dataclasses.is_dataclass(one) or "__setstate__" in vars(one)):
                found[one] = None
                todo.append(one.__module__)
    return list(found)
