"""Keep passwords out of every text: those that URLs hold, and all that came from the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

SECRET = re.compile(
    r"pass|pas$|psw|pwd|pw$|auth|token|secret|cred|sess|jwt|key$|sig$|signature|pin$|otp$", re.IGNORECASE
)
"""In the name of a parameter whose value is not to be seen."""
PARAMETER = re.compile(r"(?<![A-Za-z])([A-Za-z]+)[0-9_]*=")
"""Also in the path of a URL, where some cameras take them: /user=admin_password=1234_channel=1."""
QUERY = re.compile(r"([?&;]([\w.-]+)=)[^&\s]*")
IN_TEXT = re.compile(r"((?!_[A-Za-z]+=)[^&\s])*")
ALONE = re.compile(r"((?!_[A-Za-z]+=)[^&])*")
"""A value in a URL with nothing behind it, so that a space is part of it."""
SHORT = 4
"""Characters below which a secret is looked for as a word of its own only; below 3 it is none."""

_hidden: dict[str, tuple[re.Pattern[str], str]] = {}
"""How each secret that is known is found, and what stands for it."""


def redact(text: str) -> str:
    """Hide secrets that are known, what stands before the last @ of a URL, and values that are named as a secret is."""
    for pattern, shown in _hidden.values():
        text = pattern.sub(lambda _, shown=shown: shown, text)  # type: ignore[misc]
    text = "\n".join(_line(line, IN_TEXT) for line in text.split("\n"))
    return QUERY.sub(lambda it: f"{it[1]}***" if SECRET.search(it[2]) else it[0], text)


def redacted(data: Any) -> Any:
    """Plain data with all of its texts redacted."""
    if isinstance(data, dict):
        return {key: redacted(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [redacted(value) for value in data]
    return redact(_line(data, ALONE)) if isinstance(data, str) else data


def hide(secret: str, shown: str) -> None:
    """Keep a secret out of every text from here on, also as URLs write it; `shown` stands in its place."""
    for form in {secret, quote(secret), quote(secret, safe=""), unquote(secret)}:
        if len(form) >= SHORT:
            _hidden[form] = re.compile(re.escape(form)), shown
        elif len(form) == SHORT - 1:
            _hidden[form] = re.compile(rf"(?<!\w){re.escape(form)}(?!\w)"), shown
    by_length = sorted(_hidden.items(), key=lambda known: -len(known[0]))  # one may be part of another
    _hidden.clear()
    _hidden.update(by_length)


def hide_within(url: str) -> None:
    """Keep what is secret in a URL out of every text from here on."""
    _, _, rest = url.partition("://")
    for start, end in _spans(rest, ALONE):
        user = not start and rest[end : end + 1] == "@"
        hide(rest[start:end].partition(":")[2] if user else rest[start:end], "***")


def _line(line: str, value: re.Pattern[str]) -> str:
    before, slashes, rest = line.partition("://")
    if not slashes:
        return line
    parts, done = [], 0
    for start, end in _spans(rest, value):
        parts.append(f"{rest[done:start]}***")
        done = end
    return f"{before}://{''.join(parts)}{rest[done:]}"


def _spans(rest: str, value: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where secrets stand behind a scheme, in order."""
    values = list(_values(rest, value))
    at = rest.rfind("@")
    for start, end in reversed(values):
        if start <= at < end:
            at = rest.rfind("@", 0, start)
    if at >= 0:
        yield 0, at
    yield from (span for span in values if span[0] > at)


def _values(rest: str, value: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    done = 0
    for name in PARAMETER.finditer(rest):
        if name.start() >= done and SECRET.search(name[1]) and (found := value.match(rest, name.end())):
            done = found.end()
            yield found.span()
