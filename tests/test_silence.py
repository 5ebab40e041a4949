"""Nothing is sent anywhere: whole commands under `strace`, in a namespace without a network, try no connection."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import drawn
import footage
import pytest
import tiny

from fervid.pipeline import folders

ROOT = Path(__file__).parents[1]
ALONE = ["unshare", "--map-root-user", "--net"]
CALLS = "%network,open,openat,creat,mkdir,mkdirat"
STRACE = ["strace", "--follow-forks", "--seccomp-bpf", "--decode-fds=path", "-qq", "-e", f"trace={CALLS}"]
FERVID = [sys.executable, "-c", "from fervid.pipeline.terminal.cli import main; main()"]
ASKED = re.compile(r" (?:socket|connect|sendto|sendmsg|sendmmsg|bind)\(")
MADE = re.compile(r'(?:(?:open|openat)\((?=.*O_CREAT)|creat\(|mkdir(?:at)?\()(?:[\w-]+<(.*?)>, )?"(.*?)"')
KNOWN = ("/dev/null", "/dev/shm/")
"""Where nothing stays."""
CACHED = "/__pycache__"
REPORTING = {"ORT_DISABLE_TELEMETRY": "0"}
"""An environment that asks for reports."""


@dataclass(frozen=True)
class Trace:
    """What a command did."""

    asked: list[str]
    """Calls that reach out of the process: connections and look-ups."""
    strewn: set[str]
    """What it made in places that nobody named."""


def traced(folder: Path, *command: str, **environment: str) -> Trace:
    """Run a command whose home, folder for temporary files and current folder are new; the cache of fonts is shared."""
    home, scratch, here = (folder / name for name in ("home", "tmp", "here"))
    for place in (home, scratch, here):
        place.mkdir()
    whole = [*ALONE, *STRACE, "-o", str(folder / "calls"), *command]
    known = {"HOME": home, "TMPDIR": scratch, "MPLCONFIGDIR": folder.parent / "fonts", "PYTHONPATH": ROOT / ".src"}
    known["XDG_DATA_HOME"] = folders.data().parent
    environment |= {name: str(path) for name, path in known.items()} | {"PATH": os.environ["PATH"], "USER": "someone"}
    done = subprocess.run(whole, env=environment, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    calls = (folder / "calls").read_text(errors="replace").splitlines()
    made = {str(Path(here, *found.groups(""))) for call in calls for found in MADE.finditer(call)}
    left = {str(path) for place in (home, scratch) for path in place.rglob("*") if path.is_file()}
    return Trace(
        [call for call in calls if ASKED.search(call)],
        left | {name for name in made if not name.startswith((str(folder.parent), *KNOWN)) and CACHED not in name},
    )


@pytest.fixture(scope="module", autouse=True)
def tracing() -> None:
    for program in ("strace", "unshare"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    tried = subprocess.run([*ALONE, *STRACE, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no process can be watched alone here: {tried.stderr.strip()}")


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    code = (
        "import socket, pathlib; pathlib.Path.home().joinpath('id').touch()\ntry: socket.create_connection(('a.b', 1))"
    )
    trace = traced(tmp_path, sys.executable, "-c", f"{code}\nexcept OSError: pass")
    assert trace.asked
    assert trace.strewn == {str(tmp_path / "home" / "id")}


def run(folder: Path) -> list[str]:
    return [*FERVID, "run", "demo", "--set", "demo.frames=5"]


def batch(folder: Path) -> list[str]:
    clips = [footage.make(folder / f"{name}.mp4", seconds=0.2, sound=True) for name in "ab"]
    return [*FERVID, "batch", "file", *map(str, clips), "--jobs", "2", "--out", "out"]


def training(folder: Path) -> list[str]:
    """With the charts that evaluation draws, in torch and in ONNX Runtime."""
    drawn.write(folder / "fer2013.csv", drawn.rows())
    data = {"fer2013": {"path": str(folder / "fer2013.csv")}}
    train = {"train": {"network": "tiny", "out": "run", "epochs": 1}}
    (folder / "train.yaml").write_text(json.dumps({"plugins": [tiny.__file__], "stages": [data, train]}))
    return [*FERVID, "run", str(folder / "train.yaml")]


def export(folder: Path) -> list[str]:
    return [*FERVID, "models", "export", str(tiny.saved(folder)), "--plugin", tiny.__file__]


def doctor(folder: Path) -> list[str]:
    return [*FERVID, "doctor"]


def benchmark(folder: Path) -> list[str]:
    pytest.importorskip("mediapipe", reason="the loops beside fervid use mediapipe, which ends at Python 3.12")
    clip = footage.make(folder / "clip.mp4", seconds=0.2)
    options = ["--sizes", "64", "--jobs", "mpeg4", "--rounds", "1"]
    return [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), str(clip), *options]


def libraries_of_a_plugin(folder: Path) -> list[str]:
    """From Python, by a stage that loads them itself."""
    there = [name for name in ("onnxruntime", "openvino", "tensorboard") if importlib.util.find_spec(name)]
    (folder / "mine.py").write_text(f"import {', '.join(there)}")
    chain = {"plugins": [str(folder / "mine.py")], "stages": [{"demo": {"frames": 1}}]}
    return [sys.executable, "-c", f"import fervid; list(fervid.Pipeline.parse({json.dumps(chain)!r}))"]


@pytest.mark.parametrize("job", [run, batch, training, export, doctor, benchmark, libraries_of_a_plugin])
def test_nothing_is_sent_and_nothing_is_left(tmp_path: Path, job: Callable[[Path], list[str]]) -> None:
    trace = traced(tmp_path, *job(tmp_path), **REPORTING)
    assert trace.asked == []
    assert trace.strewn == set()
