"""Names of files: what a person recognises, and what every file system holds."""

from __future__ import annotations

import hashlib
import re
import unicodedata

UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"/\\|?*{}]|^~$')
"""Control characters, bytes that are no text, what Windows holds in no name, the braces of templates, and the home."""
DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever their ending."""
OURS = re.compile(r"\.(part|partial)$", re.IGNORECASE)
"""Endings of files in the making."""
LONGEST = 200
"""Bytes of a name that is filled in; file systems hold 255, endings such as `.partial.csv.json` among them."""


def harmless(name: str) -> str:
    """Return the name with what could leave a folder, or what no file of ours can be called, made plain."""
    plain = UNFIT.sub("_", name).strip(". ")
    if len(plain.encode()) > LONGEST:
        plain = f"{plain.encode()[: LONGEST - 9].decode(errors='ignore')}_{digest(name)}"
    return DEVICE.sub(r"\1_", OURS.sub(r"_\1", plain)) or "unnamed"


def digest(name: str) -> str:
    """Eight characters that tell it from other names."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]


def folded(name: str) -> str:
    """The same for all names that are one where case, or how an accent is written, makes no difference.

    Canonical caseless matching (The Unicode Standard, 3.13, D145).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
