"""Every pipeline in configs/ is valid as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fervid.models import zoo
from fervid.models.card import load_card
from fervid.pipeline.configuration import config

SMALL = ("cnn3", "keras_cnn4", "scratch_cnn")
ROOT = Path(__file__).parents[1]
CONFIGS = [path for folder in ("configs", "lab") for path in sorted((ROOT / folder).glob("*.yaml"))]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_builds(path: Path) -> None:
    assert config.load(path).build()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_says_how_to_run_it(path: Path) -> None:
    head = path.read_text().partition("stages:")[0]
    assert f"fervid run {path.parent.name}/{path.name}" in head


@pytest.mark.parametrize(
    ("network", "recipe"), [("fervid", "lab/mean.yaml"), *((name, f"configs/train_{name}.yaml") for name in SMALL)]
)
def test_what_ships_was_trained_by_its_recipe(network: str, recipe: str) -> None:
    stage = config.load(ROOT / recipe).build()[-1]
    kept = load_card(zoo.weights(network)).recipe
    elsewhere = {"start", "start_sha256", "teacher", "teachers", "teachers_sha256", "bf16"}
    assert {name: getattr(stage, name) for name in kept.keys() - elsewhere} == {
        name: kept[name] for name in kept.keys() - elsewhere
    }
