"""The JSON Schema of a whole pipeline: editors complete and check the YAML with it while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fervid.pipeline.configuration import options
from fervid.pipeline.configuration.variables import VARIABLE
from fervid.pipeline.errors import OutputError
from fervid.pipeline.output import write
from fervid.pipeline.ownership import regular
from fervid.pipeline.stage import Stage, gain

TITLE = "A fervid pipeline"
HEAD = 1000
"""Bytes among which it stands."""


def schema(classes: Iterable[type[Stage]], tell: Callable[[str], None]) -> dict[str, Any]:
    """Describe a YAML that may use these stages; `tell` is told of those whose options cannot be described."""
    stages = {}
    for cls in classes:
        try:
            stages[cls.name] = _stage(cls)
        except options.OptionError as error:
            tell(f"{cls.name}: {error}")
    bare = [name for name, described in stages.items() if not described.get("required")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "object",
        "additionalProperties": False,
        "required": ["stages"],
        "properties": {
            "plugins": {
                "description": "Modules or .py files with stages of your own; code is loaded only if named here.",
                "type": ["array", "null"],
                "items": {"type": "string"},
            },
            "threads": {"description": "Overlap stages in threads; results are the same.", "type": "boolean"},
            "stages": {
                "description": "What frames pass through, in order; the first one is the source.",
                "type": "array",
                "minItems": 1,
                "items": {
                    "oneOf": [
                        {"type": "string", "enum": bare},
                        {
                            "type": "object",
                            "minProperties": 1,
                            "maxProperties": 1,
                            "additionalProperties": False,
                            "properties": stages,
                        },
                    ]
                },
            },
        },
    }


def save(text: str, path: Path) -> None:
    """Write a schema, in place of an earlier one or of nothing.

    Raises:
        OutputError: something else is there, or nothing can be written.
    """
    try:
        if regular(path):
            with path.open("rb") as file:
                if TITLE.encode() not in file.read(HEAD):
                    raise OutputError(f"{path}: is there, and is no schema of fervid; choose another name")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    write(path, text.encode())


def _stage(cls: type[Stage]) -> dict[str, Any]:
    """The stage's own schema without references, so that it can stand inside the large one."""
    whole = options.schema(cls)
    described: dict[str, Any] = _inlined(whole, whole.pop("$defs", {}))
    described["properties"] = {name: _or_variable(one) for name, one in described.get("properties", {}).items()}
    described |= {"description": gain(cls), "additionalProperties": False}
    if not described.get("required"):
        described["type"] = ["object", "null"]
    return described


def _or_variable(option: dict[str, Any]) -> dict[str, Any]:
    """What an option takes, or a variable of the environment in its place."""
    if option.get("type") == "string" and "enum" not in option:
        return option
    told: dict[str, Any] = {key: option.pop(key) for key in ("description", "default") if key in option}
    return {**told, "anyOf": [option, {"type": "string", "pattern": VARIABLE.pattern}]}


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = definitions[part["$ref"].rpartition("/")[2]] | {key: part[key] for key in part if key != "$ref"}
    titles = {key for key, value in part.items() if key == "title" and isinstance(value, str)}
    return {key: _inlined(value, definitions) for key, value in part.items() if key not in titles}
