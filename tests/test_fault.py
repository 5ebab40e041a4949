"""What a stage of one's own does wrong is told in words that say what would be right."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fervid.pipeline import FRAMES, Column, Face, Fact, Frame, Frames, Pipeline, Stage, register
from fervid.pipeline.errors import StageError

SIDE: Fact[object] = Fact("faces.side", "side", (Column("side", "a side"),))
MOOD: Fact[object] = Fact("frames.mood", "mood", (Column("mood", "a mood"),))


@register("fault_silent")
@dataclass(frozen=True)
class Silent(Stage):
    """Sets facts that it does not give."""

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            frame[MOOD] = 1.0
            for face in frame.faces:
                face[SIDE] = 1.0
            yield frame


@register("fault_words")
@dataclass(frozen=True)
class Words(Stage):
    """Puts a word where a number belongs."""

    gives = (MOOD,)

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            frame[MOOD] = "left"
            yield frame


@register("fault_mute")
@dataclass(frozen=True)
class Mute(Stage):
    """Has no yield."""

    needs = (FRAMES,)

    def run(self, frames: Frames) -> Generator[Frame]:
        return None  # type: ignore[return-value]


def run(stages: str) -> None:
    list(Pipeline.parse(f"stages:\n- demo: {{frames: 3}}\n{stages}"))


def test_facts_that_no_stage_gives_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run("- detect\n- fault_silent\n")
    told = [record.getMessage() for record in caplog.records if "gives" in record.getMessage()]
    assert sorted(text.partition(":")[0] for text in told) == ["mood", "side"]


def test_a_word_where_a_number_belongs_is_named_with_its_column(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"""column 'mood' takes numbers, not 'left'; .* type="text\""""):
        run(f"- fault_words\n- csv: {{path: '{tmp_path}/a.csv'}}\n")


def test_a_run_without_a_yield_is_told() -> None:
    with pytest.raises(StageError, match="fault_mute: run gives NoneType, not frames; `yield frame` hands each on"):
        run("- fault_mute\n")


def test_a_fact_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'frames\.mood' is known of a frame"):
        Face((0, 0, 1, 1), 1.0)[MOOD] = 1.0


def test_the_line_of_a_plugin_is_told(tmp_path: Path) -> None:
    plugin = tmp_path / "divides.py"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom fervid.pipeline import Stage, register\n\n\n"
        "@register('divides')\n@dataclass(frozen=True)\nclass Divides(Stage):\n    def run(self, frames):\n"
        "        for frame in frames:\n            1 / 0\n            yield frame\n"
    )
    text = f"plugins: [{plugin}]\nstages: [demo: {{frames: 3}}, divides]\n"
    with pytest.raises(StageError, match=r"divides: raised ZeroDivisionError: division by zero, .*divides\.py:10$"):
        list(Pipeline.parse(text))
