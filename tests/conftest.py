"""What tests share: the folder of real clips, where the machine has it."""

import os
import signal
from pathlib import Path

import pytest

import fervid  # noqa: F401  before a test imports a library that reports to its maker
from fervid.pipeline import redaction

os.environ.pop("PYTHONUNBUFFERED", None)  # commands that tests start buffer as in a user's shell
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # and start as fast
os.environ["TERM"] = "xterm"  # and draw as in a terminal, wherever the suite runs
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup makes a suite deaf to it
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs, such as a suite, deaf to it


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of one test hides no word in another."""
    monkeypatch.setattr(redaction, "_hidden", {})


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder that FERVID_DATA names."""
    folder = os.environ.get("FERVID_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FERVID_DATA names no folder; see CONTRIBUTING.md")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def clips(data: Path) -> Path:
    """Real clips of faces."""
    return data / "videos"


@pytest.fixture(scope="session")
def cases(data: Path) -> Path:
    """Small inputs of kinds that go wrong in the wild."""
    folder = data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder
