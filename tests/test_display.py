"""The window: a real one on a virtual screen, a key pressed in it, and what happens without a screen."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fervid.pipeline import Pipeline
from fervid.pipeline.errors import OutputError

CHAIN = "stages:\n  - demo: {frames: 600}\n  - display: {title: fervid test}\n  - csv"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool (apt-get install xvfb xdotool)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        name = f":{number.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    yield name
    server.terminate()
    server.wait()


def press(key: str) -> None:
    found = subprocess.run(["xdotool", "search", "--name", "fervid test"], capture_output=True, text=True, check=False)
    for window in found.stdout.split():
        subprocess.run(["xdotool", "windowfocus", window, "key", key], check=False, capture_output=True)


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_ends_the_run_in_order(screen: str, tmp_path: Path, key: str) -> None:
    count, last = 0, time.monotonic()
    for _ in Pipeline.parse(CHAIN, {"csv.path": str(tmp_path / "{name}.csv")}):
        count += 1
        if count > 20 and time.monotonic() - last > 0.3:
            press(key)
            last = time.monotonic()
    assert 20 < count < 600
    rows = (tmp_path / "demo.partial.csv").read_text().splitlines()
    assert len(rows) == count + 1


def test_a_file_is_shown_at_its_own_speed(screen: str) -> None:
    began = time.monotonic()
    frames = sum(1 for _ in Pipeline.parse("stages:\n  - demo: {frames: 48}\n  - display"))
    assert frames == 48
    assert time.monotonic() - began >= 47 / 24


def test_no_screen_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="there is no screen"):
        list(Pipeline.parse("stages:\n  - demo\n  - display"))


def test_a_screen_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(OutputError, match="window could not be opened"):
        list(Pipeline.parse("stages:\n  - demo\n  - display"))
