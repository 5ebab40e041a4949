"""Options from the environment: `${NAME}` stands for a variable, and is all of it that is ever written out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from fervid.pipeline.redaction import hide, hide_within

VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_]\w*)\}", re.ASCII)
"""With a second dollar sign in front it is no variable, but the text behind that sign."""


class UnsetError(KeyError):
    """There is no such variable."""

    def __str__(self) -> str:
        name = self.args[0]
        return f"the environment has no variable {name}; set it, or write $${{{name}}} for the text itself"


def mentions(value: Any) -> bool:
    """Whether an option, or a text within it, is not to be taken as it is written."""
    if isinstance(value, Mapping):
        return any(map(mentions, value.values()))
    if isinstance(value, list):
        return any(map(mentions, value))
    return isinstance(value, str) and bool(VARIABLE.search(value))


def fill(value: Any) -> Any:
    """Put the values of variables in their places; these, and passwords in URLs, are kept out of every text.

    Raises:
        UnsetError: there is none of that name.
    """
    if isinstance(value, Mapping):
        return {key: fill(one) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one) for one in value]
    if not isinstance(value, str):
        return value
    filled = VARIABLE.sub(_variable, value)
    hide_within(filled)
    return filled


def literal(text: str) -> str:
    """How an option is written so that it is taken as it is, such as the name of a file that is there."""
    return VARIABLE.sub(r"$\g<0>", text)


def _variable(found: re.Match[str]) -> str:
    if found[1]:
        return found[0][1:]
    value = os.environ.get(found[2])
    if value is None:
        raise UnsetError(found[2])
    hide(value, found[0])
    return value
