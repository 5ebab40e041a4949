"""One answer out of two heads: what it is, what it learns, and what is said of it under each condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import saved

from fervid.models import calibration, pooling
from fervid.models.card import Calibration, Pool, load_card
from fervid.models.conditions import CONDITIONS, under
from fervid.models.evaluation.judged import judged, twice
from fervid.models.ferplus import published
from fervid.models.runtime import open_classifier
from fervid.models.training.pooled import pooled
from fervid.pipeline import EMOTIONS

NEUTRAL, SAD = EMOTIONS.index("neutral"), EMOTIONS.index("sad")
HEADS = {"labels": Calibration(), "votes": Calibration()}
EVEN = Pool((0.5,) * 7, (0.5,) * 7, (0.0,) * 7)


def two_judges(count: int = 4000) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Labels and majorities of made-up faces, and logits: that head `labels` calls half of the neutral ones sad."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, count)
    logits = {head: random.normal(0, 1, (count, 7)) for head in ("labels", "votes")}
    for made in logits.values():
        made[np.arange(count), labels] += 3
    logits["labels"][labels == NEUTRAL, SAD] += random.choice([0, 6], (labels == NEUTRAL).sum())
    return labels, labels, logits


def truth(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.eye(7)[labels], labels


def test_halves_are_the_geometric_mean() -> None:
    logits = {head: np.random.default_rng(n).normal(0, 2, (5, 7)) for n, head in enumerate(HEADS)}
    means = np.sqrt(calibration.softmax(logits["labels"]) * calibration.softmax(logits["votes"]))
    assert pooling.pool(logits, HEADS, EVEN) == pytest.approx(means / means.sum(1, keepdims=True))


def test_the_head_that_misleads_is_heard_less() -> None:
    labels, _, logits = two_judges()
    made = pooling.fit(logits, HEADS, np.eye(7)[labels], np.full(7, 1 / 7))
    assert made.labels[SAD] < 0.7 * made.votes[SAD]
    alone = calibration.softmax(logits["labels"]).argmax(1)
    assert (pooling.pool(logits, HEADS, made).argmax(1) == labels).mean() > (alone == labels).mean() + 0.04


def test_more_neutral_faces_to_come_make_more_answers_neutral() -> None:
    labels, _, logits = two_judges()
    mixes = [np.array([1 - neutral] * 6 + [6 * neutral]) / 6 for neutral in (0.05, 0.8)]
    few, many = (pooling.pool(logits, HEADS, pooling.fit(logits, HEADS, np.eye(7)[labels], mix)) for mix in mixes)
    assert (few.argmax(1) == NEUTRAL).mean() < (many.argmax(1) == NEUTRAL).mean()


def test_the_threshold_lies_between_those_of_the_conditions() -> None:
    labels, majorities, logits = two_judges()
    noise = {head: np.random.default_rng(n).normal(0, 1, (len(labels), 7)) for n, head in enumerate(HEADS)}
    said = {"clean": logits, "noise": noise}
    made, figures = pooled(said, HEADS, {"labels": truth(labels), "votes": truth(majorities)})
    scores = [pooling.pool(each, HEADS, made) for each in said.values()]
    clean, poor = (calibration.uncertain_below(*twice(each, labels, majorities)) for each in scores)
    assert clean < made.uncertain_below < poor
    assert [list(rows) for rows in figures.values()] == [["pooled", "labels", "votes"]] * 2


def test_figures_count_where_both_judges_agree() -> None:
    scores = np.full((4, 7), 0.02)
    scores[np.arange(4), [NEUTRAL, SAD, SAD, SAD]] = 0.88
    labels, majorities = np.array([NEUTRAL, NEUTRAL, SAD, SAD]), np.array([NEUTRAL, NEUTRAL, SAD, -1])
    figures = judged(scores, 0.5, labels, majorities)
    assert (figures["agreed"], figures["recall"]) == (3, {"sad": 1.0, "neutral": 0.5})
    assert figures["macro_recall"] == 0.75
    assert figures["neutral_shown_as_another"] == 0.5
    assert judged(scores, 0.9, labels, majorities)["neutral_shown_as_another"] == 0
    assert figures["uncertain"] == {"share": 0.0, "accuracy": None}
    assert judged(scores, 0.9, labels, majorities)["uncertain"] == {"share": 1.0, "accuracy": round(5 / 7, 4)}
    assert figures["calibration_error"] == pytest.approx(abs(5 / 7 - 0.88), abs=1e-4)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_changes_all_faces_alike_each_time(name: str) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    seen = under(name, faces)
    assert seen.shape == faces.shape
    assert seen.dtype == np.uint8
    assert (seen == under(name, faces)).all()
    assert [(one == other).all() for one, other in zip(seen, faces, strict=True)] == [name == "clean"] * 3


def test_pooled_is_the_default_where_it_was_learned(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 24, 24), np.uint8)
    weights = saved(tmp_path, heads=HEADS, pooled=EVEN)
    assert list(load_card(weights).answers) == ["pooled", "labels", "votes"]
    both = open_classifier(weights)
    assert both.head == "pooled"
    each = open_classifier(weights, head="votes").every_head(faces)
    means = np.sqrt(each["labels"] * each["votes"])
    assert both(faces) == pytest.approx(means / means.sum(1, keepdims=True), abs=1e-5)


def test_the_published_rule_drops_lone_votes_and_wants_more_than_half() -> None:
    assert published((0, 6, 2, 1, 1, 0, 0, 0, 0, 0)) == EMOTIONS.index("happy")
    assert published((0, 5, 5, 0, 0, 0, 0, 0, 0, 0)) is None
    assert published((4, 3, 3, 0, 0, 0, 0, 0, 0, 0)) is None
    assert published((4, 1, 1, 1, 1, 1, 1, 0, 0, 0)) == NEUTRAL
    assert published((1, 1, 0, 0, 0, 0, 0, 0, 8, 0)) is None
    assert published((1, 1, 1, 1, 1, 1, 1, 1, 1, 1)) is None
    assert published(None) is None
