"""What the README prints runs as printed."""

from __future__ import annotations

import csv
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from fervid.pipeline import EMOTIONS, Pipeline
from fervid.pipeline.configuration import config
from fervid.pipeline.configuration.overrides import setting

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    return [line.partition("#")[0].strip() for block in blocks("README.md", "") for line in block.splitlines()]


def ran(page: str, name: str, folder: Path) -> str:
    """Run the stage and the pipeline of a page; return what it said."""
    (folder / f"{name}.py").write_text(next(block for block in blocks(page, "python") if "@register" in block))
    (folder / f"{name}.yaml").write_text(next(block for block in blocks(page, "yaml") if "plugins:" in block))
    command = [str(Path(sys.executable).with_name("fervid")), "run", f"{name}.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_stage_of_ones_own(tmp_path: Path) -> None:
    ran("README.md", "largest", tmp_path)
    with (tmp_path / "out" / "largest.csv").open() as file:
        faces = Counter(int(row["frame"]) for row in csv.DictReader(file) if row["score"])
    assert set(faces) == set(range(48))
    assert max(faces.values()) == 2


def test_the_stage_with_a_fact_and_a_memory(tmp_path: Path) -> None:
    said = ran("CONTRIBUTING.md", "speed", tmp_path)
    assert "  moving    4 faces were followed" in said
    assert "  speed     mean " in said
    with (tmp_path / "out" / "speed.csv").open() as file:
        speeds = [float(row["speed"]) for row in csv.DictReader(file) if row["speed"]]
    assert len(speeds) > 100
    assert max(speeds) < 10


def test_the_detector_and_the_sink(tmp_path: Path) -> None:
    for block in blocks("CONTRIBUTING.md", "python"):
        if name := re.search(r'@(?:register|detector)\("(cascade|boxes)"\)', block):
            (tmp_path / f"{name[1]}.py").write_text(block)
    chain = next(block for block in blocks("CONTRIBUTING.md", "yaml") if "cascade.py" in block)
    (tmp_path / "a.yaml").write_text(chain)
    over = {"boxes.path": tmp_path / "boxes.jsonl", "csv.path": tmp_path / "faces.csv"}
    frames = list(Pipeline.load(tmp_path / "a.yaml", over))
    lines = [json.loads(line) for line in (tmp_path / "boxes.jsonl").read_text().splitlines()]
    assert [line["time_s"] for line in lines] == [frame.time for frame in frames]
    assert sum(len(line["boxes"]) == 1 for line in lines) >= 20
    assert {row["face_id"] for row in csv.DictReader((tmp_path / "faces.csv").open())} >= {"1"}


def test_the_stage_of_ones_own_is_15_lines() -> None:
    code = next(block for block in blocks("README.md", "python") if "@register" in block)
    assert len([line for line in code.splitlines() if line and not line.startswith("#")]) <= 15


@pytest.mark.parametrize("command", [line for line in shell_lines() if line.startswith("fervid run configs/")])
def test_commands_name_pipelines_and_options_that_are_there(command: str) -> None:
    _, _, path, *words = shlex.split(command)
    given = [after for word, after in pairwise(words) if word == "--set"]
    assert config.load(ROOT / path, dict(map(setting, given))).build()


@pytest.mark.parametrize("block", [block for block in blocks("README.md", "yaml") if block.startswith("stages:")])
def test_pipelines_are_valid(block: str) -> None:
    assert config.parse(block).build()


def test_make_targets_are_there() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in shell_lines() if line.startswith("make ")} <= set(targets)


def test_the_columns_are_those_of_the_csv(tmp_path: Path) -> None:
    path = tmp_path / "demo.csv"
    chain = "stages: [demo: {frames: 2}, detect, track, quality, emotions, smooth, csv]"
    for _ in Pipeline.parse(chain, {"csv.path": path}):
        pass
    table = README.partition("## The CSV")[2].partition("\n## ")[0]
    table = table.replace("`angry_smooth` ... `neutral_smooth`", " ".join(f"`{label}_smooth`" for label in EMOTIONS))
    described = [
        name for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"\w+", cell)
    ]
    assert described == path.read_text().splitlines()[0].split(",")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_how_good_it_is_says_what_the_cards_say() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "how_good.py"))
    assert (ROOT / "docs" / "how_good.md").read_text("utf-8") == made["page"]()


def test_the_figures_are_those_of_the_network_that_ships() -> None:
    figures = json.loads((ROOT / "models" / "weights" / "fervid.json").read_text())["figures"]
    test, votes = figures["test"], figures["votes"]["test"]
    text = " ".join(README.split())
    assert f"{test['accuracy']:.1%}".replace("%", " % of the test pictures") in text
    assert f"{test['accuracy_at_coverage']['80%']:.1%}".replace("%", " % where it may pass over the fifth") in text
    assert f"{votes['accuracy']:.1%}".replace("%", " % of the test pictures on which they agree.") in text
    same = figures["exports"]["fervid.int8.onnx"]["pooled"]["agreement"]
    assert f"the same best guess for {100 * same:.1f} % of faces" in text


def test_what_is_uncertain_is_said_as_it_was_measured() -> None:
    card = json.loads((ROOT / "models" / "weights" / "fervid.json").read_text())
    rows = {name: row["pooled"]["uncertain"]["accuracy"] for name, row in card["figures"]["conditions"].items()}
    clean, *poor = (f"{100 * accuracy:.1f}" for accuracy in [rows.pop("clean"), *sorted(rows.values())])
    said = (
        f"({100 * card['pooled']['uncertain_below']:.1f} % for the network that ships; of clear faces below it the best"
    )
    assert f"{said} guess is still right for {clean} %, of poor ones for {poor[0]} to {poor[-1]} %)" in README
