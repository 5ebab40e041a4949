"""A stage's options: checked, described and put into JSON Schema from its fields alone."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from fervid.pipeline.errors import redact
from fervid.pipeline.stage import Stage

_TYPES = {"number": "float", "integer": "int", "string": "text", "boolean": "true | false", "null": "null"}
_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


class OptionError(ValueError):
    """One wrong option: which, and what is wrong with it."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


def build(cls: type[Stage], values: Mapping[str, Any]) -> Stage:
    """Make the stage from its options.

    Raises:
        OptionError: the first option that is unknown, missing, of a wrong type or out of bounds.
    """
    adapter = _adapter(cls)
    try:
        stage = adapter.validate_python({name: _at_home(value) for name, value in values.items()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = str(first["loc"][0]) if first["loc"] else ""
        raise OptionError(option, _explain(cls, option, first["type"], first["msg"])) from None
    _refuse_truth(cls, values)
    return stage


def _at_home(value: Any) -> Any:
    """`~/talk.mp4` as shells read it, in lists too."""
    if isinstance(value, list):
        return [_at_home(one) for one in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value


def _refuse_truth(cls: type[Stage], values: Mapping[str, Any]) -> None:
    """Refuse `min_score: yes`, which pydantic reads as 1."""
    for option, value in values.items():
        if isinstance(value, bool):
            whole = schema(cls)
            kind = _type(whole["properties"][option], whole)
            if _TYPES["boolean"] not in kind and kind != "any":
                raise OptionError(option, f"option {option!r}: takes {kind}, not {str(value).lower()}")


def schema(cls: type[Stage]) -> dict[str, Any]:
    """JSON Schema of a stage's options.

    Raises:
        OptionError: one has a type that YAML cannot give.
    """
    adapter = _adapter(cls)
    with _impossible():
        return adapter.json_schema()


def describe(cls: type[Stage]) -> list[tuple[str, str, str]]:
    """Each option's name, its type with bounds and default, and what it means."""
    described = schema(cls)
    required = described.get("required", [])
    return [
        (
            name,
            _type(field, described) + _default(name, field, required),
            " ".join(field.get("description", "").split()),
        )
        for name, field in described.get("properties", {}).items()
    ]


def values(stage: Stage) -> dict[str, Any]:
    """A stage's options with every default filled in, as plain data without secrets."""
    dumped = _adapter(type(stage)).dump_python(stage, mode="json")
    return {key: redact(value) if isinstance(value, str) else value for key, value in dumped.items()}


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown word: `; did you mean ...?`, or nothing."""
    there = list(known)
    close = difflib.get_close_matches(word, there, n=1) or [one for one in there if word and one.startswith(word)]
    return f"; did you mean {close[0]!r}?" if close else ""


_adapters: dict[type[Stage], TypeAdapter[Stage]] = {}


def _adapter(cls: type[Stage]) -> TypeAdapter[Stage]:
    if not dataclasses.is_dataclass(cls):
        raise OptionError("", "is no dataclass; put @dataclass(frozen=True) under @register")
    if cls not in _adapters:
        config = ConfigDict(
            extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True, allow_inf_nan=False
        )
        cls.__pydantic_config__ = config
        with _impossible():
            _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


@contextmanager
def _impossible() -> Iterator[None]:
    try:
        yield
    except (PydanticUserError, NameError) as error:
        raise OptionError("", f"an option has a type that YAML cannot give: {str(error).splitlines()[0]}") from error


def _explain(cls: type[Stage], option: str, kind: str, message: str) -> str:
    if kind == "unexpected_keyword_argument":
        known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        return f"no option {option!r}{suggest(option, known)}\n{listing(cls)}".rstrip()
    if kind == "missing":
        meaning = next((text for name, _, text in describe(cls) if name == option), "")
        return f"option {option!r} is missing: {meaning}"
    message = message.removeprefix("Value error, ")
    return f"option {option!r}: {message[0].lower()}{message[1:]}" if option else message


def listing(cls: type[Stage]) -> str:
    """The options of a stage as indented lines."""
    rows = describe(cls)
    if not rows:
        return f"  {cls.name} takes no options"
    width = max(len(f"{name}: {kind}") for name, kind, _ in rows)
    lines = (f"    {f'{name}: {kind}':<{width}}    {text}".rstrip() for name, kind, text in rows)
    return "\n".join([f"  {cls.name} takes", *lines])


def _type(field: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _type(whole["$defs"][field["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in field:
        return " | ".join(_type(one, whole) for one in field["anyOf"])
    if "enum" in field or "const" in field:
        return " | ".join(str(one) for one in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'], whole)}" if field.get("items") else "list"
    bounds = [f"{sign} {field[key]:g}" for key, sign in _BOUNDS.items() if key in field]
    return " ".join([_TYPES.get(field.get("type", ""), field.get("type", "any")), " and ".join(bounds)]).strip()


def _default(name: str, field: Mapping[str, Any], required: list[str]) -> str:
    return ", required" if name in required else f", default {json.dumps(field.get('default'))}"
