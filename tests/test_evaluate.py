"""Figures that can be counted by hand, and a report of a network on faces."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import drawn
import numpy as np
import pytest
import tiny
from numpy.typing import NDArray

from fervid.models import calibration
from fervid.models.crop import crop
from fervid.models.evaluation.report import markdown
from fervid.models.ferplus import majority
from fervid.models.reading import Emotion, Reader
from fervid.models.runtime import open_classifier
from fervid.models.target import TARGET, Target
from fervid.pipeline import EMOTIONS, FACES, Face, Frame, Frames, Pipeline, Source, Stage, register
from fervid.pipeline.errors import ConfigError, InputError
from fervid.stages.faces.emotions import EMOTION, PROBABILITIES, READER
from fervid.stages.learning.evaluate import Evaluate


@register("oracle")
@dataclass(frozen=True)
class Oracle(Stage):
    """Answers right with 80 %, but takes every disgust for anger and sees no sad face."""

    needs = (TARGET, FACES)
    gives = (EMOTION,)

    def run(self, frames: Frames) -> Generator[Frame]:
        for frame in frames:
            target = frame[TARGET]
            assert target is not None
            answer = {1: 0}.get(target.emotion or 0, target.emotion or 0)
            scores = np.full(7, 0.2 / 6, np.float32)
            scores[answer] = 0.8
            for face in frame.faces if EMOTIONS[answer] != "sad" else ():
                face[PROBABILITIES] = scores
            yield frame


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = drawn.rows()
    drawn.votes(tmp_path / "fer2013new.csv", rows)
    return drawn.write(tmp_path / "fer2013.csv", rows)


def test_figures_of_known_answers(tmp_path: Path, table: Path) -> None:
    data = {"path": str(table), "votes": str(table.with_name("fer2013new.csv")), "split": "test"}
    stages = [{"fer2013": data}, "oracle", {"evaluate": {"out": str(tmp_path / "out")}}]
    frames = list(Pipeline.parse(json.dumps({"stages": stages})))
    assert len(frames) == 28
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())["splits"]["test"]
    assert (figures["faces"], figures["not_found"]) == (24, 4)
    assert figures["accuracy"] == pytest.approx(20 / 24)
    assert figures["emotions"]["angry"] == {"faces": 4, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert figures["emotions"]["disgust"]["f1"] == 0
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 0 + 4) / 6)
    assert figures["calibration_error"] == pytest.approx(abs(20 / 24 - 0.8), abs=1e-6)
    assert figures["ferplus_majority"] == {"faces": 24, "accuracy": pytest.approx(20 / 24)}
    with (tmp_path / "out" / "confusion_test.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["label", *EMOTIONS]
    assert rows[2] == ["disgust", "4", "0", "0", "0", "0", "0", "0"]
    report = (tmp_path / "out" / "evaluation.md").read_text()
    assert "| test | 24 | 4 | 83.33 % |" in report
    for name in ("confusion", "reliability", "coverage", "mistakes"):
        assert f"({name}_test.png)" in report
        assert (tmp_path / "out" / f"{name}_test.png").stat().st_size > 5_000


def test_the_stage_that_reads_videos_is_what_is_measured(tmp_path: Path, table: Path) -> None:
    weights = tiny.saved(tmp_path)
    stages = [
        {"fer2013": {"path": str(table)}},
        {"emotions": {"model": str(weights)}},
        {"evaluate": {"out": str(tmp_path / "out" / "{model}-{head}")}},
    ]
    frames = list(Pipeline.parse(json.dumps({"stages": stages})))
    report = json.loads((tmp_path / "out" / "tiny-labels" / "evaluation.json").read_text())
    pairs = [(frame.faces[0][PROBABILITIES], frame[TARGET]) for frame in frames]
    right = [scores.argmax() == target.emotion for scores, target in pairs if target.split == "train"]  # type: ignore[union-attr]
    assert report["splits"]["train"]["accuracy"] == pytest.approx(np.mean(right))
    assert len(report["weights"]["sha256"]) == 64


def test_a_mirrored_reading_is_the_mean_of_both_and_said(tmp_path: Path, table: Path) -> None:
    weights = tiny.saved(tmp_path)
    data = {"fer2013": {"path": str(table), "split": "test"}}
    reading = {"emotions": {"model": str(weights), "flip": True}}
    stages = [data, reading, {"evaluate": {"out": str(tmp_path / "out")}}]
    frame = next(iter(Pipeline.parse(json.dumps({"stages": stages}))))
    classify = open_classifier(weights)
    face = crop(frame.image, frame.faces[0].box, None, 24, classify.card.crop)
    expected = classify(np.stack([face, face[:, ::-1]])).mean(0)
    assert frame.faces[0][PROBABILITIES] == pytest.approx(expected, abs=1e-5)
    for _ in Pipeline.parse(json.dumps({"stages": stages})):
        pass
    assert (
        "Each face and its mirror image were read, from fer2013, by the head labels of `"
        in (tmp_path / "out" / "evaluation.md").read_text()
    )


def test_a_report_says_in_how_many_zooms_a_face_was_read() -> None:
    told = [markdown("m", "s", how, {}) for how in ({}, {"views": 3}, {"views": 3, "flip": True})]
    assert "Each face was read once, from s" in told[0]
    assert "Each face was read in 3 zooms, from s" in told[1]
    assert "Each face and its mirror image were read in 3 zooms, from s" in told[2]


@pytest.mark.parametrize(
    ("voted", "said"),
    [(True, "test: 100.00 % of FER+'s majorities"), (False, "test: measured by labels, which the head")],
)
def test_the_head_votes_is_measured_by_votes(
    tmp_path: Path, voted: bool, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    scores = np.eye(len(EMOTIONS), dtype=np.float32)[[3]]
    votes = (0, 9, 1, 0, 0, 0, 0, 0, 0, 0) if voted else None
    frames = [drawn_frame(scores[0], votes)]
    with caplog.at_level(logging.INFO):
        list(Evaluate(out=str(tmp_path)).run(Frames(frames)))
    assert said in caplog.text


def test_an_8_bit_export_gets_a_report_of_its_own(tmp_path: Path) -> None:
    frame = drawn_frame(np.eye(len(EMOTIONS), dtype=np.float32)[3], None, model="fervid.int8")
    list(Evaluate(out=f"{tmp_path}/{{model}}").run(Frames([frame])))
    assert [path.name for path in tmp_path.iterdir()] == ["fervid.int8"]


def drawn_frame(scores: NDArray[np.float32], votes: tuple[int, ...] | None, model: str = "tiny") -> Frame:
    """A labelled face, read by the head votes."""
    reader = Reader(model, "votes", 0.0, {"model": model, "head": "votes"})
    face = Face((0, 0, 48, 48), 1.0, known={PROBABILITIES: scores, EMOTION: Emotion.of("happy", scores)})
    known = {TARGET: Target(3, "test", votes), READER: reader}
    return Frame(0, 0.0, np.zeros((48, 48, 3), np.uint8), Source("drawn", 48, 48), [face], known=known)


def test_without_labels_there_is_nothing_to_measure(tmp_path: Path) -> None:
    stages = [{"demo": {"frames": 2}}, "unlabelled", {"evaluate": {"out": str(tmp_path)}}]
    with pytest.raises(InputError, match="evaluate got no labelled frame"):
        list(Pipeline.parse(json.dumps({"stages": stages})))


@register("unlabelled")
@dataclass(frozen=True)
class Unlabelled(Stage):
    """Promises labels and gives none."""

    gives = (TARGET, EMOTION)

    def run(self, frames: Frames) -> Generator[Frame]:
        yield from frames


def test_majority_leaves_out_what_has_none() -> None:
    assert majority((0, 6, 4, 0, 0, 0, 0, 0, 0, 0)) == EMOTIONS.index("happy")
    assert majority((5, 5, 0, 0, 0, 0, 0, 0, 0, 0)) is None
    assert majority((1, 0, 0, 0, 0, 0, 0, 9, 0, 0)) is None
    assert majority((1, 0, 0, 0, 0, 0, 0, 0, 0, 9)) is None
    assert majority(None) is None


def test_calibration_recovers_what_was_done_to_the_logits() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 7))
    labels = np.array([random.choice(7, p=row) for row in calibration.softmax(logits)])
    scale, shift = np.linspace(0.5, 2, 7), np.linspace(-1, 1, 7)
    found_scale, found_shift = calibration.fit((logits - shift) / scale, np.eye(7)[labels])
    assert found_scale == pytest.approx(scale, rel=0.08)
    assert found_shift - found_shift.mean() == pytest.approx(shift, abs=0.12)


def test_few_faces_hardly_calibrate_single_emotions() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (7, 7))
    scale, shift = calibration.fit(logits, np.eye(7))
    assert np.abs(np.log(scale / scale.mean())).max() < 1
    assert np.abs(shift).max() < 1


def test_few_faces_hardly_move_what_was_calibrated_on_many() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (14, 7))
    around = np.linspace(0.5, 2, 7).tolist(), np.linspace(-1, 1, 7).tolist()
    labels = [random.choice(7, p=row) for row in calibration.softmax(logits, *around)]
    scale, shift = calibration.fit(logits, np.eye(7)[labels], *around)
    assert np.abs(np.log(scale / around[0])).max() < 0.7
    assert np.abs(shift - around[1]).max() < 0.7


def test_below_the_threshold_labels_are_poor() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        confidence = np.sort(random.permutation(998)[:200] + 1) / 1000
        right = random.random(200) < confidence
        below = right[confidence < calibration.uncertain_below(confidence, right)]
        assert len(below) == 0 or below.mean() < 0.4


def test_a_placeholder_that_is_not_there_is_told_before_faces_are_read(tmp_path: Path) -> None:
    stages = [{"demo": {"frames": 2}}, "unlabelled", {"evaluate": {"out": f"{tmp_path}/{{mdoel}}"}}]
    with pytest.raises(ConfigError, match=r"no placeholder {mdoel}; there is {name}, {time}, {model}, {head}"):
        Pipeline.parse(json.dumps({"stages": stages}))


def test_selective_accuracy_and_threshold() -> None:
    confidence = np.linspace(0.0, 0.999, 1000)
    right = confidence > 0.5
    assert calibration.selective_accuracy(confidence, right, 0.5) == pytest.approx(1.0, abs=0.01)
    assert calibration.selective_accuracy(confidence, right, 1.0) == pytest.approx(0.5, abs=0.01)
    assert calibration.uncertain_below(confidence, right, floor=0.4) == pytest.approx(0.5 / 0.6, abs=0.01)
    assert calibration.uncertain_below(confidence, np.ones(1000, bool)) == 0.0
    assert calibration.uncertain_below(np.ones(1000), np.zeros(1000, bool)) == 0.999  # a card takes no 1
