"""The benchmarks page: made by one command, and what the page of this repository says was measured."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import footage
import pytest

ROOT = Path(__file__).parents[1]
ANOTHER = """
from types import SimpleNamespace
class Pipeline:
    parse = staticmethod(lambda _text: [SimpleNamespace(faces=range(7))] * 5)
"""


def page(*options: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "page.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_quick_try_measures_and_writes_the_page(tmp_path: Path) -> None:
    clip = footage.make(tmp_path / "clip.mp4", seconds=0.5)
    page(str(clip), "--quick", "--loops", "none", "--parts", "jobs,live", "--out", str(tmp_path / "out"))
    figures = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    assert [(row["job"], row["height"], list(row["ways"])) for row in figures["jobs"]] == [
        ("csv", 360, ["fervid"]),
        ("h264", 360, ["fervid"]),
    ]
    (watched,) = figures["live"]
    assert watched["ways"]["fervid"]["median"][0] < 1000 * watched["seconds"]
    told = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "these figures mean nothing" in told
    assert "`fer` was not installed" in told


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "benchmarks.json", tmp_path)
    page("--out", str(tmp_path))
    assert (tmp_path / "benchmarks.md").read_text() == (ROOT / "docs" / "benchmarks.md").read_text()
    assert (tmp_path / "benchmarks.png").stat().st_size > 10_000


def test_another_revision_takes_part(tmp_path: Path) -> None:
    other = tmp_path / "other" / "fervid"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (other / "pipeline.py").write_text(ANOTHER)
    clip = footage.make(tmp_path / "clip.mp4", seconds=0.2)
    options = ["--jobs", "csv", "--sizes", "64", "--rounds", "2", "--loops", "none", "--against", str(other.parent)]
    command = [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), str(clip), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    title, _, ours, before = done.stdout.splitlines()[:4]
    assert title == "csv, 64p, 1 face"
    assert re.fullmatch(r"fervid .* 0", ours)
    assert re.fullmatch(r"before .* 35   .*", before)


def test_a_folder_without_fervid_is_no_other_revision(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), "clip.mp4", "--against", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == f"{tmp_path}: holds no package fervid, with fervid/__init__.py\n"


@pytest.mark.parametrize("side", [1, 2, 3])
def test_clips_are_scaled_tiled_and_lengthened(tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from clips import made

    clip = footage.make(tmp_path / "clip.mp4", seconds=0.2)
    long = made(clip, tmp_path, height=120, faces=side**2, frames=13)
    times = footage.times(long)
    assert times == pytest.approx([number / 25 for number in range(13)], abs=0.001)
