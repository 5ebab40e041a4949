"""End runs at random moments, in every way: nothing of the user's is lost, nothing is called complete that is not.

python benchmarks/files.py CLIP.mp4 --times 20

Each run is killed or asked to end, its disk fills up, or its input is changed while it is read. Then the user's own
files must be what they were, and each output that has its final name must be that of a run that nothing happened to.
The small disk lies in memory and takes root to mount; a limit on the length of files needs nobody's leave.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import av

FERVID = str(Path(sys.executable).with_name("fervid"))
CHAIN = """
stages:
  - file: {path: in/clip.mp4}
  - detect: {range: short}
  - track
  - video: {path: "out/{name}.mp4", preset: ultrafast}
  - csv: {path: "out/{name}.csv"}
"""
MINE = ("out/other.csv", "out/clip.mp4.orig", "in/clip.csv", "out/clip.txt.part")
"""Files of the user's beside those of fervid."""
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wrong(Exception):  # noqa: N818
    """What must never be."""


class Place:
    """A folder with an input, files of the user's, and what a run that nothing happened to makes."""

    def __init__(self, root: Path, clip: Path) -> None:
        self.root, self.clip = root, clip
        (root / "in").mkdir(exist_ok=True)
        (root / "out").mkdir(exist_ok=True)
        (root / "run.yaml").write_text(CHAIN)
        shutil.copyfile(clip, root / "in" / "clip.mp4")
        for name in MINE:
            (root / name).write_text(f"mine: {name}")
        began = time.monotonic()
        process = self.start()
        _, said = process.communicate()
        if process.returncode:
            sys.exit(said)
        self.seconds = time.monotonic() - began
        self.table = (root / "out" / "clip.csv").read_bytes()
        self.video = content(root / "out" / "clip.mp4")

    def start(self, *options: str, limit: int | None = None) -> subprocess.Popen[str]:
        def small() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit or 0, resource.RLIM_INFINITY))

        command = [FERVID, "run", "run.yaml", "--quiet", *options]
        before = small if limit else None
        return subprocess.Popen(command, cwd=self.root, stderr=subprocess.PIPE, text=True, preexec_fn=before)

    def clear(self) -> None:
        """As before any run, but for what lies there under temporary names."""
        for path in (self.root / "out").glob("clip*"):
            if path.relative_to(self.root).as_posix() not in MINE and not path.name.endswith(".part"):
                path.unlink()
        shutil.copyfile(self.clip, self.root / "in" / "clip.mp4")

    def check(self) -> str:
        """Say what is there; raise if it must not be."""
        for name in MINE:
            if (self.root / name).read_text() != f"mine: {name}":
                raise Wrong(f"{name} was changed")
        table, video = self.root / "out" / "clip.csv", self.root / "out" / "clip.mp4"
        page = table.with_name("clip.csv.json")
        if page.exists() and (not json.loads(page.read_text())["complete"] or table.read_bytes() != self.table):
            raise Wrong("a table with its page is not whole")
        if video.exists() and content(video) != self.video:
            raise Wrong("a video that has its name is not whole")
        for path in table.parent.glob("clip.partial.csv.json"):
            if json.loads(path.read_text())["complete"]:
                raise Wrong("what is partial is called complete")
        return "whole" if page.exists() and video.exists() else "not whole"


def content(video: Path) -> str:
    """SHA-256 of all packets, pictures' and sound's."""
    digest = hashlib.sha256()
    with av.open(str(video)) as container:
        for packet in container.demux():
            digest.update(f"{packet.stream_index} {packet.pts}".encode() + bytes(packet))
    return digest.hexdigest()


def ended(place: Place, numbers: Sequence[int], chance: random.Random) -> str:
    """By a signal."""
    process = place.start()
    time.sleep(chance.random() * 1.05 * place.seconds)
    process.send_signal(number := chance.choice(numbers))
    _, said = process.communicate()
    codes = {0, -number, 128 + number}
    if process.returncode not in codes or "Traceback" in said:
        raise Wrong(f"ended with {process.returncode}: {said}")
    return place.check()


def full(place: Place, chance: random.Random) -> str:
    """No file can be longer than some part of the video."""
    limit = int(chance.random() * 1.3 * place.clip.stat().st_size)
    process = place.start(limit=max(limit, 4096))
    _, said = process.communicate()
    what = place.check()
    if (process.returncode == 0) != (what == "whole"):
        raise Wrong(f"{what}, and ended with {process.returncode}: {said}")
    return what


def changed(place: Place, chance: random.Random) -> str:
    """The input is cut, overwritten, lengthened or replaced."""
    process = place.start()
    time.sleep(chance.random() * place.seconds)
    chance.choice((cut, zero, lengthen, replace))(place.root / "in" / "clip.mp4")
    _, said = process.communicate()
    what = place.check()
    if (process.returncode == 0) != (what == "whole"):
        raise Wrong(f"{what}, and ended with {process.returncode}: {said}")
    return what


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(bytes(size))


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("new"))
    os.replace(path.with_name("new"), path)


def on_a_small_disk(clip: Path, chance: random.Random, times: int, place: Place) -> list[str]:
    """Runs whose outputs lie on a disk that is too small."""
    found = []
    for _ in range(times):
        place.clear()
        size = int((0.2 + chance.random()) * clip.stat().st_size) >> 10
        mount = ["mount", "-t", "tmpfs", "-o", f"size={max(size, 16)}k", "tmpfs", str(place.root / "out")]
        if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
            return found
        try:
            for name in MINE:
                (place.root / name).write_text(f"mine: {name}")
            process = place.start()
            _, said = process.communicate()
            found.append(place.check())
            if (process.returncode == 0) != (found[-1] == "whole"):
                raise Wrong(f"{found[-1]}, and ended with {process.returncode}: {said}")
        finally:
            subprocess.run(["umount", str(place.root / "out")], check=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    chance = random.Random(given.seed)
    ways: dict[str, Callable[[Place], str]] = {
        "SIGKILL": lambda place: ended(place, [signal.SIGKILL], chance),
        "SIGINT, SIGTERM or SIGHUP": lambda place: ended(place, ASKED, chance),
        "a limit on files": lambda place: full(place, chance),
        "the input changes": lambda place: changed(place, chance),
    }
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(Path(scratch), given.clip)
        for name, way in ways.items():
            found = Counter[str]()
            for _ in range(given.times):
                place.clear()
                found[way(place)] += 1
            print(f"{name}: {dict(found)}, nothing lost, nothing called complete that is not", flush=True)
        small = Counter(on_a_small_disk(given.clip, chance, given.times, place))
        print(f"a small disk: {dict(small) or 'needs root to mount it'}", flush=True)
        place.clear()
        _, said = (last := place.start()).communicate()
        print(f"the same command at last: {place.check()}, code {last.returncode}{said}", flush=True)


if __name__ == "__main__":
    main()
