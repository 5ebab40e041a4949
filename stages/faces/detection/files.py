"""Where MediaPipe's two networks lie: in its wheel, or in the user's data folder once they are fetched."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from fervid.models.checkpoint import bounded
from fervid.pipeline import folders
from fervid.pipeline.errors import ModelError
from fervid.pipeline.output import write
from fervid.stages.faces.detection.blazeface import FULL, SHORT, Network

FETCH = "`fervid models fetch detector` fetches it through pip (35 MB), once"
NETWORKS = (SHORT, FULL)
LIMIT = 2**20
"""Bytes; they have 229,714 and 676,746."""
OTHER = "not the {} face detector that fervid knows (SHA-256 differs)"


def load(network: Network) -> bytes:
    """The bytes of a network's file.

    Raises:
        ModelError: it is nowhere, or only in another form.
    """
    return _found(network)[1]


def there() -> Path | None:
    """The folder that holds both, if one does."""
    with suppress(ModelError):
        places = [_found(network)[0] for network in NETWORKS]
        return places[0].parent
    return None


def keep(wheel: Path) -> Path:
    """Take the networks out of a wheel of mediapipe into the user's data folder, which is returned.

    Raises:
        ModelError: the wheel does not hold them, or the user has no home.
        OutputError: the folder cannot be written to.
    """
    try:
        home = _home()
    except RuntimeError as error:
        raise ModelError(f"no folder for the face detectors: {error}; set XDG_DATA_HOME") from None
    for network, blob in [(network, _taken(wheel, network)) for network in NETWORKS]:
        write(home / Path(network.file).name, blob)
    return home


def _home() -> Path:
    return folders.data() / "detector"


def _found(network: Network) -> tuple[Path, bytes]:
    others = []
    for path in _places(network):
        if path.is_file():
            blob = bounded(path, LIMIT, OTHER.format(network.words))
            if _known(network, blob):
                return path, blob
            others.append(f"{path}: {OTHER.format(network.words)}; ")
    raise ModelError(f"{others[-1] if others else f'no {network.words} face detector is installed; '}{FETCH}")


def _places(network: Network) -> Iterator[Path]:
    """Mediapipe is not imported for it, which takes half a second."""
    wheel = find_spec("mediapipe")
    for folder in (wheel and wheel.submodule_search_locations) or []:
        yield Path(folder) / network.file
    with suppress(RuntimeError):
        yield _home() / Path(network.file).name


def _taken(wheel: Path, network: Network) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(f"mediapipe/{network.file}") as file:
            blob = file.read(LIMIT)
    except (OSError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{wheel}: no wheel of mediapipe with its {network.words} face detector") from error
    if not _known(network, blob):
        raise ModelError(f"{wheel}: holds {OTHER.format(network.words)}")
    return blob


def _known(network: Network, blob: bytes) -> bool:
    return hashlib.sha256(blob).hexdigest() == network.sha256
