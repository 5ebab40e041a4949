"""Standard streams that the shell closed are no fault, and no file takes their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROBES = Path(__file__).with_name("probes.py").as_posix()
MAIN = "from fervid.pipeline.terminal.cli import main; main()"


def fervid(folder: Path, redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'exec "$@" {redirections}', "", sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("redirections", ["2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-"])
def test_a_run_goes_its_way(tmp_path: Path, redirections: str) -> None:
    (tmp_path / "noise.py").write_text("import os\nos.write(2, b'noise')\n")
    sink = "- probe_sink: {path: a.txt}\n"
    (tmp_path / "a.yaml").write_text(f"plugins: [{PROBES}, noise.py]\nstages:\n- probe_source\n{sink}")
    assert fervid(tmp_path, redirections, "run", "a.yaml").returncode == 0
    assert (tmp_path / "a.txt").read_text().split() == [str(number) for number in range(10)]
    assert fervid(tmp_path, redirections, "run", "none.yaml").returncode == 2


def test_what_a_library_prints_of_an_interrupt_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text(
        "import sys\nfrom dataclasses import dataclass\nfrom fervid.pipeline import Stage, register\n\n\n"
        "@register('prints')\n@dataclass(frozen=True)\nclass Prints(Stage):\n    def run(self, frames):\n"
        "        for error in (KeyboardInterrupt(), ValueError('seen')):\n"
        "            sys.excepthook(type(error), error, None)\n        yield from frames\n"
    )
    (tmp_path / "a.yaml").write_text("plugins: [prints.py]\nstages: [demo: {frames: 2}, prints]\n")
    command = [sys.executable, "-c", "from fervid.pipeline.terminal.cli import main; main()", "run", "a.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "KeyboardInterrupt" not in done.stderr
    assert "ValueError: seen" in done.stderr


def test_processes_that_are_started_have_them_too() -> None:
    code = (
        "import subprocess, sys; from fervid.pipeline.terminal.streams import open_streams; open_streams()\n"
        "code = 'import os; [os.fstat(number) for number in range(3)]'\n"
        "sys.exit(subprocess.run([sys.executable, '-c', code]).returncode)"
    )
    command = ["bash", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "", sys.executable, "-c", code]
    assert subprocess.run(command, check=False).returncode == 0
