"""Read YAML that nobody vouches for: plain data with line numbers, or one clear error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import yaml

from fervid.pipeline.errors import ConfigError, Mistake

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_VALUES = 2_000
"""Keys among them; the longest pipeline that anyone writes has some hundred."""
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line that it, or the key before it, was written on; lists and dicts hold further nodes."""

    value: Any
    line: int

    def plain(self) -> Any:
        """The value as ordinary Python data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read(text: str, origin: str) -> Node:
    """Parse one YAML document without tags, anchors, aliases or repeated keys.

    Raises:
        ConfigError: as `examine`, or a key is wrong.
    """
    root, mistakes = examine(text, origin)
    if mistakes:
        raise ConfigError(*mistakes)
    return root


def examine(text: str, origin: str) -> tuple[Node, list[Mistake]]:
    """The same, but for keys that are wrong, which are left out and told.

    `origin` names the text in messages. What it holds is checked as it streams, before anything is built of it.

    Raises:
        ConfigError: too long, too deep, not YAML, or more than plain data.
    """
    tree = _Tree(origin)
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise ConfigError(Mistake(f"longer than {MAX_BYTES // 1_000_000} MB; a pipeline is a short list", origin))
    try:
        root = _Reader(text, origin).get_single_node()
        if root is None:
            raise ConfigError(Mistake("empty; a pipeline has a list of stages", origin))
        return tree.convert(root), tree.mistakes
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context
        if "'\\t'" in str(what):
            what = f"{what}; indent with spaces, not tabs"
        if "flow" in str(error.context) and "'{'" in str(what):
            what = f"{what}; put text with braces into quotes:"
        if error.context_mark and (error.context or "").startswith("while"):
            what = f"{what} {error.context}, which began on line {error.context_mark.line + 1}"
        raise ConfigError(Mistake(f"not YAML: {what}", origin, mark.line + 1 if mark else None)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(Mistake(f"not YAML: {str(error).splitlines()[0]}", origin)) from None


class _Reader(yaml.SafeLoader):
    """Gives the document's parts to whoever composes it, as long as they are plain and few."""

    def __init__(self, text: str, origin: str) -> None:
        super().__init__(text)
        self._origin, self._depth, self._values = origin, 0, 0

    def get_event(self) -> Any:
        """The next part."""
        event = super().get_event()  # type: ignore[no-untyped-call]
        if objection := self._objection(event):
            line = event.start_mark.line + 1 if event.start_mark else None
            raise ConfigError(Mistake(objection, self._origin, line))
        return event

    def _objection(self, event: Any) -> str:
        self._values += isinstance(event, yaml.NodeEvent)
        self._depth += isinstance(event, yaml.CollectionStartEvent)
        self._depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return "anchors and aliases (&, *) are not allowed; write the value out"
        if getattr(event, "tag", None):
            return "tags (!) are not allowed; write plain values"
        if self._depth > MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} levels deep"
        return f"more than {MAX_VALUES} values; a pipeline is a short list" if self._values > MAX_VALUES else ""


class _Tree:
    """Makes plain data of what was composed, and notes what of it cannot be taken."""

    def __init__(self, origin: str) -> None:
        self.mistakes: list[Mistake] = []
        self._origin, self._scalars = origin, yaml.SafeLoader("")

    def convert(self, node: yaml.Node) -> Node:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node), line)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.convert(item) for item in node.value], line)
        return Node(_scalar(node, self._scalars), line)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                self.mistakes.append(Mistake("a key must be a plain word", self._origin, line))
            elif key.value in found:
                self.mistakes.append(Mistake(f"{key.value!r} stands here twice; remove one", self._origin, line))
            else:
                found[key.value] = replace(self.convert(value), line=line)
        return found


def _scalar(node: yaml.Node, scalars: yaml.SafeLoader) -> Any:
    """Read a number only where it is written as Python would: `007` and `1.10` may be names, `1:30` a time."""
    if node.tag not in _PLAIN_TAGS or ":" in node.value:
        return node.value
    value = scalars.construct_object(node)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return node.value if number and str(value) != node.value else value
