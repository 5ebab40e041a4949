"""The schema for editors accepts what runs and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from fervid.pipeline.terminal.cli import app

ROOT = Path(__file__).parents[1]
PROBES = Path(__file__).with_name("probes.py").as_posix()


ODD = """
from dataclasses import dataclass
from fervid.pipeline import Stage, register

class Camera:
    pass

@register("odd_one")
@dataclass(frozen=True)
class Odd(Stage):
    camera: Camera
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["schema", *arguments], prog_name="fervid")


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    described: dict[str, object] = json.loads(call("--plugin", PROBES).output)
    jsonschema.Draft202012Validator.check_schema(described)
    return described


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_it_accepts_what_ships(schema: dict[str, object], path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@pytest.mark.parametrize(
    "text",
    [
        "stages: [demo]\nthreads: maybe",
        "stages: []",
        "stage: [demo]",
        "stages: [dmo]",
        "stages: [{demo: {frams: 3}}]",
        "stages: [{demo: {frames: 0}}]",
        "stages: [{demo: {frames: many}}]",
        "stages: [{demo: {}, probe_pass: {}}]",
        "stages: [probe_sink]",
        "stages: [{probe_sink: {}}]",
        "stages: [demo, {probe_fault: {kind: other}}]",
    ],
)
def test_it_rejects_what_would_not_run(schema: dict[str, object], text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize(
    "text",
    [
        "plugins:\nstages: [demo]",
        "stages: [{demo: {frames: '${COUNT}'}}]",
        "stages: [{demo: {frames: 3}}, {probe_pass: null}]",
    ],
)
def test_it_accepts_what_runs(schema: dict[str, object], text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), schema)


def test_it_tells_editors_what_options_mean(schema: dict[str, object]) -> None:
    demo = schema["properties"]["stages"]["items"]["oneOf"][1]["properties"]["demo"]  # type: ignore[index]
    assert demo["description"].startswith("Try a pipeline without a camera")
    assert demo["properties"]["frames"]["description"] == "How many frames to make."


def test_it_is_written_to_a_file(tmp_path: Path, schema: dict[str, object]) -> None:
    assert call("--out", str(tmp_path / "s.json"), "--plugin", PROBES).output == ""
    assert json.loads((tmp_path / "s.json").read_text()) == schema
    assert call("--out", str(tmp_path / "s.json" / "s.json")).exit_code == 5


def test_a_stage_that_cannot_be_described_is_named_and_left_out(tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(ODD)
    code = "from fervid.pipeline.terminal.cli import main; main()"
    command = [sys.executable, "-c", code, "schema", "--plugin", str(plugin)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("fervid: odd_one: an option has a type that YAML cannot give: ")
    assert done.stderr.count("\n") == 1
    assert "odd_one" not in done.stdout
    jsonschema.validate(yaml.safe_load("stages: [demo]"), json.loads(done.stdout))
    done = subprocess.run([*command[:3], "stages", "show", "odd_one", *command[4:]], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("fervid: odd_one: an option has a type that YAML cannot give: ")


def test_it_replaces_no_file_but_a_schema(tmp_path: Path) -> None:
    mine, link, schema = tmp_path / "mine.json", tmp_path / "link.json", tmp_path / "s.json"
    mine.write_text("{}")
    link.symlink_to(mine)
    for path in (mine, link):
        refused = call("--out", str(path))
        assert (refused.exit_code, mine.read_text()) == (5, "{}")
    assert "mine.json: is there, and is no schema of fervid; choose another name" in call("--out", str(mine)).stderr
    assert [call("--out", str(schema)).exit_code for _ in range(2)] == [0, 0]
