"""Fetch MediaPipe's two networks out of the last wheel that carries them, through the user's own package index."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from fervid.pipeline.errors import ModelError
from fervid.pipeline.interpreter import PYTHON
from fervid.stages.faces.detection import files

WHEEL = "mediapipe==0.10.21"
SHA256 = "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5"
BUILD = ("--implementation=cp", "--python-version=3.12", "--abi=cp312", "--platform=manylinux_2_28_x86_64")
"""The smallest of its wheels: all hold the same networks, and nothing else of it is used."""
QUIET = ("--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
INSTEAD = f"or fetch the wheel of {WHEEL} where it goes, and name it with --wheel"


def fetch() -> Path:
    """Fetch the networks into the user's data folder, which is returned; pip shows on stderr how far it is.

    Raises:
        ModelError: pip is missing, or did not get the wheel.
        OutputError: the folder cannot be written to.
    """
    if find_spec("pip") is None:
        raise ModelError(f"{sys.executable} has no pip: install it ({sys.executable} -m ensurepip), {INSTEAD}")
    with TemporaryDirectory(prefix="fervid-") as folder:
        return files.keep(_downloaded(Path(folder)))


def _downloaded(folder: Path) -> Path:
    """The wheel, through pip, so that what the user has set for it holds: index, proxy, certificates, no network."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n")
    command = [*PYTHON, "-m", "pip", "download", *QUIET, *BUILD, f"--dest={folder}", f"--requirement={wanted}"]
    done = subprocess.run(command, stdout=2, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise ModelError(f"pip could not fetch {WHEEL}, see above; mend that, {INSTEAD}")
    return wheels[0]
