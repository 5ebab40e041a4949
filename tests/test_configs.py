"""Every pipeline in configs/ is valid as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from fervid.pipeline import config

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_builds(path: Path) -> None:
    assert config.load(path).build()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_says_how_to_run_it(path: Path) -> None:
    head = path.read_text().partition("stages:")[0]
    assert f"fervid run configs/{path.name}" in head
