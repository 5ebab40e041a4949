"""A stage's or a detector's options: checked, described and put into JSON Schema from its fields alone."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from fervid.pipeline.redaction import redacted
from fervid.pipeline.stage import Stage

_TYPES = {
    "number": "float",
    "integer": "int",
    "string": "text",
    "boolean": "true | false",
    "null": "null",
    "object": "mapping",
}
WRITTEN = "_written"
_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


class Described(Protocol):
    """A stage, or another frozen dataclass whose fields are options."""

    name: ClassVar[str]


D = TypeVar("D", bound=Described)


class OptionError(ValueError):
    """A wrong option: which, and what is wrong with it."""

    def __init__(self, option: str, message: str, others: Sequence[OptionError] = ()) -> None:
        super().__init__(message)
        self.option = option
        self.all = (self, *others)
        """With all others of the stage that are wrong."""


def build(cls: type[D], values: Mapping[str, Any]) -> D:
    """Make the stage from its options.

    Raises:
        OptionError: an option is unknown, missing, of a wrong type or out of bounds.
    """
    adapter = _adapter(cls)
    wrong: list[OptionError] = []
    try:
        made = adapter.validate_python({name: _at_home(value) for name, value in values.items()})
    except ValidationError as error:
        wrong = _explained(cls, error)
    wrong += _refused_truth(cls, values, {one.option for one in wrong})
    if wrong:
        raise OptionError(wrong[0].option, str(wrong[0]), wrong[1:]) from None
    return made


def _explained(cls: type[Described], error: ValidationError) -> list[OptionError]:
    """One for each option; none for what is missing only because it was spelt wrongly."""
    found: dict[str, Any] = {}
    for one in error.errors(include_url=False, include_input=False):
        found.setdefault(str(one["loc"][0]) if one["loc"] else "", one)
    known = _names(cls)
    meant = {_nearest(name, known) for name, one in found.items() if one["type"] == "unexpected_keyword_argument"}
    return [
        OptionError(name, _explain(cls, name, one["type"], one["msg"]))
        for name, one in sorted(found.items(), key=lambda pair: pair[1]["type"] == "missing")
        if not (one["type"] == "missing" and name in meant)
    ]


def _at_home(value: Any) -> Any:
    """`~/talk.mp4` as shells read it, in lists too."""
    if isinstance(value, list):
        return [_at_home(one) for one in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~/") else value


def _refused_truth(cls: type[Described], values: Mapping[str, Any], wrong: Collection[str]) -> list[OptionError]:
    """`min_score: yes`, which pydantic reads as 1."""
    found = []
    for option, value in values.items():
        if isinstance(value, bool) and option not in wrong:
            whole = schema(cls)
            kind = _type(whole["properties"][option], whole)
            if _TYPES["boolean"] not in kind and kind != "any":
                found.append(OptionError(option, f"option {option!r}: takes {kind}, not {str(value).lower()}"))
    return found


def schema(cls: type[Described]) -> dict[str, Any]:
    """JSON Schema of a stage's options.

    Raises:
        OptionError: one has a type that YAML cannot give.
    """
    adapter = _adapter(cls)
    with _impossible():
        return adapter.json_schema()


def describe(cls: type[Described]) -> list[tuple[str, str, str]]:
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


def mark(stage: Stage, written: Mapping[str, Any]) -> None:
    """Let a stage's `values` be what was written, where that is not what it was made from."""
    object.__setattr__(stage, WRITTEN, written)


def values(stage: Stage) -> dict[str, Any]:
    """A stage's options with every default filled in, as plain data without secrets."""
    dumped = _adapter(type(stage)).dump_python(stage, mode="json", by_alias=True)
    return {key: redacted(value) for key, value in {**dumped, **vars(stage).get(WRITTEN, {})}.items()}


def resolved(chain: Iterable[Stage]) -> list[dict[str, dict[str, Any]]]:
    """Stages with all their options, as plain data without secrets."""
    return [{stage.name: values(stage)} for stage in chain]


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown word: `; did you mean ...?`, or nothing."""
    close = _nearest(word, list(known))
    return f"; did you mean {close!r}?" if close else ""


def _nearest(word: str, known: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(word, known, n=1) or [one for one in known if word and one.startswith(word)]
    return close[0] if close else None


def _names(cls: type[Described]) -> list[str]:
    return [_written(field.name) for field in dataclasses.fields(cls)]  # type: ignore[arg-type]


def _written(field: str) -> str:
    """How a field is called in YAML: `from` is a word of Python, so its field is `from_`."""
    return field.removesuffix("_")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[D]) -> TypeAdapter[D]:
    if not dataclasses.is_dataclass(cls):
        raise OptionError("", "is no dataclass; put @dataclass(frozen=True) on its class")
    if cls not in _adapters:
        config = ConfigDict(
            extra="forbid",
            use_attribute_docstrings=True,
            coerce_numbers_to_str=True,
            allow_inf_nan=False,
            alias_generator=_written,
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


def _explain(cls: type[Described], option: str, kind: str, message: str) -> str:
    if kind == "unexpected_keyword_argument":
        return f"no option {option!r}{suggest(option, _names(cls))}\n{listing(cls)}".rstrip()
    if kind == "missing":
        meaning = next((text for name, _, text in describe(cls) if name == option), "")
        return f"option {option!r} is missing: {meaning}"
    message = message.removeprefix("Value error, ")
    return f"option {option!r}: {message[0].lower()}{message[1:]}" if option else message


def listing(cls: type[Described]) -> str:
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
