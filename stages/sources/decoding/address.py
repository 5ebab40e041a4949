"""Read the address of a camera as it is meant, whatever its password holds."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from fervid.pipeline.errors import ConfigError

HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[\w.-]+)(:\d*)?([/?#]|$)")
EITHER = re.compile(r"[\w.-]+:\d+[/?#]")
"""A host with its port, or a user and the beginning of a password."""


def address(url: str) -> str:
    """The URL with user and password percent-encoded: they end at the last @ that a host follows.

    Raises:
        ConfigError: the @ may as well be part of a path.
    """
    scheme, _, rest = url.partition("://")
    at = max((found.start() for found in re.finditer("@", rest) if HOST.match(rest, found.end())), default=0)
    if ":" not in rest[:at]:
        return url
    if EITHER.match(rest):
        raise ConfigError(
            "option 'url': may name a host and its port, or a user and a password; write @ in a path as %40, "
            "and in a password @ as %40, / as %2F, # as %23, ? as %3F"
        )
    user, _, password = rest[:at].partition(":")
    return f"{scheme}://{_encoded(user)}:{_encoded(password)}@{rest[at + 1 :]}"


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="")
