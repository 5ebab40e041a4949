"""A network learns at the end of a pipeline, goes on after a kill, and never destroys what was learned."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import drawn
import numpy as np
import pytest
import torch

from fervid.models import checkpoint, zoo
from fervid.models.conditions import CONDITIONS
from fervid.models.runtime import open_classifier
from fervid.models.training import optimise, teaching
from fervid.models.training.learner import Stopped
from fervid.pipeline import Pipeline
from fervid.pipeline.errors import ConfigError, InputError, ModelError, OutputError
from fervid.pipeline.record import losses

PLUGIN = '''
from torch import nn
from fervid.models.zoo import network

@network("mine")
class Mine(nn.Module):
    """A small network of a user."""
    size, mean, std = 24, 0.5, 0.25

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1),
        )
        self.head = nn.Linear(576, 7)
        self.votes = nn.Linear(576, 8)

    def features(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.features(x))
'''
PLUGIN_FILE: list[Path] = []
QUICK = {"epochs": 8, "batch": 16, "optimizer": "adamw", "learning_rate": 0.01, "bf16": False, "rotation": 5}
LIGHT = {"shift": 0.03, "scale": 0.03, "erase": 0.1, "ema": 0.9, "threads": 1}


@pytest.fixture
def table(tmp_path: Path) -> list[list[str]]:
    rows = drawn.rows()
    drawn.write(tmp_path / "fer2013.csv", rows)
    drawn.votes(tmp_path / "fer2013new.csv", rows)
    return rows


@pytest.fixture(scope="session", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One file for all tests: a second one with the same name would be refused."""
    PLUGIN_FILE.append(tmp_path_factory.mktemp("plugin") / "mine.py")
    PLUGIN_FILE[0].write_text(PLUGIN)


def config(folder: Path, options: Mapping[str, Any], out: str = "run") -> Path:
    """Write the YAML of a quick training in the folder."""
    train = {"network": "mine", "out": str(folder / out), **QUICK, **LIGHT, **options}
    data = {"path": str(folder / "fer2013.csv"), "votes": str(folder / "fer2013new.csv")}
    path = folder / f"{out}.yaml"
    path.write_text(json.dumps({"plugins": [str(PLUGIN_FILE[0])], "stages": [{"fer2013": data}, {"train": train}]}))
    return path


def train(folder: Path, out: str = "run", **options: Any) -> Path:
    for _ in Pipeline.load(config(folder, options, out)):
        pass
    return folder / out / "mine.safetensors"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("table")
def test_it_learns_and_writes_all_it_should(tmp_path: Path) -> None:
    path = train(tmp_path, epochs=12)
    card, _ = checkpoint.load(path)
    assert card.figures["validation"]["accuracy"] > 0.7
    assert (card.network, card.size, card.seed, card.epochs) == ("mine", 24, 1, 12)
    assert card.data["train"]["emotions"]["disgust"] == 12
    assert card.recipe["optimizer"] == "adamw"
    assert list(card.answers) == ["pooled", "labels", "votes"]
    assert list(card.figures["conditions"]) == list(CONDITIONS)
    assert all(0.05 < scale < 12 for head in card.heads.values() for scale in head.scale)
    assert card.figures["votes"]["validation"]["accuracy"] > 0.7
    assert (path.parent / "curves.png").stat().st_size > 10_000
    with (path.parent / "epochs.csv").open() as file:
        epochs = list(csv.DictReader(file))
    assert [row["epoch"] for row in epochs] == [str(n) for n in range(1, 13)]
    losses = [float(row["calibrated_loss"]) for row in epochs]
    assert card.trained["best_epoch"] == 1 + losses.index(min(losses))
    assert card.figures["validation"]["log_loss"] == pytest.approx(min(losses), abs=1e-3)


@pytest.mark.usefixtures("table")
def test_one_seed_gives_one_network(tmp_path: Path) -> None:
    first, second, other = train(tmp_path, "a"), train(tmp_path, "b"), train(tmp_path, "c", seed=2)
    assert digest(first) == digest(second) != digest(other)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(("optimizer", "ema"), [("sgd", 0.9), ("nadam", 0.9), ("adam", 0.0)])
def test_after_a_kill_it_goes_on_to_the_same_weights(tmp_path: Path, optimizer: str, ema: float) -> None:
    options = {"optimizer": optimizer, "ema": ema, "learning_rate": 0.01, "epochs": 12}
    options |= {"schedule": "reduce-on-plateau"}
    whole = train(tmp_path, "whole", **options)
    run = "import sys; from fervid.pipeline import Pipeline\nfor _ in Pipeline.load(sys.argv[1]): pass"
    broken = subprocess.Popen([sys.executable, "-c", run, str(config(tmp_path, options, "broken"))])
    epochs = tmp_path / "broken" / "epochs.csv"
    while broken.poll() is None and not (epochs.exists() and epochs.read_text().count("\n") > 3):
        time.sleep(0.005)
    broken.kill()
    assert broken.wait() == -signal.SIGKILL
    assert not (tmp_path / "broken" / "mine.safetensors").exists()
    assert digest(train(tmp_path, "broken", **options)) == digest(whole)


@pytest.mark.usefixtures("table")
def test_a_stop_keeps_whole_epochs(tmp_path: Path) -> None:
    options = {"teachers": [str(train(tmp_path, "teacher", epochs=1))]}
    whole = train(tmp_path, "whole", **options)
    last = tmp_path / "run" / "last.safetensors"
    pipeline = Pipeline.load(config(tmp_path, options))
    for frame in pipeline:
        if frame.index == 0:
            threading.Thread(target=_stop_after_an_epoch, args=(last, pipeline.run.stopping)).start()
    assert pipeline.run.lost.cut == "interrupted"
    assert losses(pipeline.run, pipeline.run.tally.frames) == ["stopped behind the last frame, before all was done"]
    assert not (tmp_path / "run" / "mine.safetensors").exists()
    assert 1 <= (tmp_path / "run" / "epochs.csv").read_text().count("\n") - 1 < QUICK["epochs"]
    assert digest(train(tmp_path, **options)) == digest(whole)


@pytest.mark.usefixtures("table")
def test_how_far_it_is_counts_all_of_its_epochs(tmp_path: Path) -> None:
    pipeline, told = Pipeline.load(config(tmp_path, {"epochs": 2})), list[tuple[int, int, str]]()
    pipeline.watch = lambda done, total, what: told.append((done, total, what))
    list(pipeline)
    total = told[0][1]
    assert [done for done, _, _ in told] == list(range(1, total + 1))
    assert {all_of_it for _, all_of_it, _ in told} == {total}
    assert [told[0][2], told[-1][2]] == ["mine, epoch 1 of 2", "mine, epoch 2 of 2"]


@pytest.mark.usefixtures("table")
def test_a_stop_while_teachers_read_ends_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    teacher = str(train(tmp_path, "teacher", epochs=1))
    pipeline = Pipeline.load(config(tmp_path, {"teachers": [teacher]}))

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "what teaches reads" in record.msg:
                pipeline.run.stopping.set()

    listen, training = Listen(), logging.getLogger("fervid.models.training.session")
    training.addHandler(listen)
    try:
        with caplog.at_level(logging.INFO):
            for _ in pipeline:
                pass
    finally:
        training.removeHandler(listen)
    assert "training stopped before its first epoch was whole" in caplog.text
    assert pipeline.run.lost.cut == "interrupted"


def _stop_after_an_epoch(last: Path, stopping: threading.Event) -> None:
    while not last.exists():
        time.sleep(0.001)
    stopping.set()


def test_votes_for_the_training_faces_alone_are_not_learned(tmp_path: Path, table: list[list[str]]) -> None:
    _take_votes(tmp_path / "fer2013new.csv", ("Usage", "Training"))
    assert set(checkpoint.load_card(train(tmp_path)).heads) == {"labels"}


def _take_votes(path: Path, kept: tuple[str, ...]) -> None:
    """Let nobody have voted for a face, except in the lines that begin with one of the words kept."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line if line.startswith(kept) else _without_votes(line) for line in lines))


def _without_votes(line: str) -> str:
    usage, name, *votes = line.split(",")
    return ",".join([usage, name, *["0"] * (len(votes) - 1), "10"])


@pytest.mark.usefixtures("table")
def test_a_stopped_training_of_another_version_of_the_network_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, epochs=1).unlink()
    last = tmp_path / "run" / "last.safetensors"
    before = digest(last)
    mine = type(zoo.build("mine"))

    class Larger(mine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.more = torch.nn.Linear(1, 1)

    monkeypatch.setitem(zoo.networks.known, "mine", Larger)
    with pytest.raises(ModelError, match="damaged, or of another version of the network; choose another `out`"):
        train(tmp_path, epochs=1)
    assert digest(last) == before


@pytest.mark.usefixtures("table")
def test_nothing_learned_is_overwritten_unasked(tmp_path: Path) -> None:
    before = digest(train(tmp_path, epochs=1))
    with pytest.raises(OutputError, match=r"mine\.safetensors: is finished and stays; .* set overwrite: true"):
        train(tmp_path, epochs=1, seed=5)
    assert digest(tmp_path / "run" / "mine.safetensors") == before
    assert digest(train(tmp_path, epochs=1, seed=5, overwrite=True)) != before


def test_data_that_cannot_be_read_destroys_nothing(tmp_path: Path, table: list[list[str]]) -> None:
    before = digest(train(tmp_path, epochs=1))
    drawn.write(tmp_path / "fer2013.csv", table[:1])
    with pytest.raises(InputError, match="the train split has no example of"):
        train(tmp_path, epochs=1, overwrite=True)
    (tmp_path / "fer2013.csv").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        train(tmp_path, epochs=1, overwrite=True)
    assert digest(tmp_path / "run" / "mine.safetensors") == before


@pytest.mark.usefixtures("table")
def test_a_stopped_training_with_other_options_is_not_taken_up(tmp_path: Path) -> None:
    train(tmp_path, epochs=1).unlink()
    with pytest.raises(ModelError, match="a stopped training with another epochs and batch; choose another `out`"):
        train(tmp_path, epochs=2, batch=8)


def test_data_that_lacks_something(tmp_path: Path, table: list[list[str]]) -> None:
    drawn.write(tmp_path / "fer2013.csv", [row for row in table if row[0] != "1"])
    drawn.votes(tmp_path / "fer2013new.csv", [row for row in table if row[0] != "1"])
    with pytest.raises(InputError, match="the train split has no example of disgust; all seven emotions are needed"):
        train(tmp_path)
    drawn.write(tmp_path / "fer2013.csv", [row for row in table if row[2] != "PublicTest"])
    drawn.votes(tmp_path / "fer2013new.csv", [row for row in table if row[2] != "PublicTest"])
    with pytest.raises(InputError, match="no frames of the validation split came"):
        train(tmp_path)


@pytest.mark.usefixtures("table")
def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no network 'fervit'; did you mean 'fervid'"):
        train(tmp_path, network="fervit")
    with pytest.raises(ConfigError, match="device 'cuda:7' is not there"):
        train(tmp_path, device="cuda:7")
    finished = train(tmp_path, epochs=1)
    with pytest.raises(ConfigError, match="device 'cuda:7' is not there"):
        train(tmp_path, device="cuda:7", overwrite=True)
    assert finished.exists()
    with pytest.raises(ConfigError, match="train: option 'optimizer'"):
        train(tmp_path, optimizer="lion")


@pytest.mark.usefixtures("table")
def test_tensorboard_is_missed_before_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ConfigError, match="option 'tensorboard': is not installed"):
        train(tmp_path, tensorboard=True)


@pytest.mark.usefixtures("table")
def test_a_kill_before_the_card_was_written_loses_nothing(tmp_path: Path) -> None:
    path = train(tmp_path)
    weights, card = digest(path), path.with_suffix(".json")
    card.unlink()
    assert digest(train(tmp_path)) == weights
    assert card.exists()


@pytest.mark.usefixtures("table")
def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="in epoch 1 the loss is no number any more; lower learning_rate, or set clip"):
        train(tmp_path, optimizer="sgd", learning_rate=1e30)
    assert not (tmp_path / "run" / "last.safetensors").exists()


@pytest.mark.usefixtures("table")
def test_early_stop_and_class_weights(tmp_path: Path) -> None:
    path = train(tmp_path, epochs=60, early_stop=2, class_weights="balanced", schedule="constant", votes=0)
    epochs = (path.parent / "epochs.csv").read_text().count("\n") - 1
    assert epochs < 39
    card = checkpoint.load_card(path)
    assert (card.epochs, card.trained["best_epoch"]) == (epochs, epochs - 2)


@pytest.mark.usefixtures("table")
def test_a_plugins_network_is_measured_by_the_stages_that_read_videos(tmp_path: Path) -> None:
    path = train(tmp_path)
    stages: list[Any] = [
        {"fer2013": {"path": str(tmp_path / "fer2013.csv"), "split": "validation"}},
        {"emotions": {"model": str(path), "head": "labels"}},
        {"evaluate": {"out": str(tmp_path / "out")}},
    ]
    for _ in Pipeline.parse(json.dumps({"plugins": [str(PLUGIN_FILE[0])], "stages": stages})):
        pass
    measured = json.loads((tmp_path / "out" / "evaluation.json").read_text())["splits"]["validation"]["accuracy"]
    assert measured == pytest.approx(checkpoint.load_card(path).figures["validation"]["accuracy"], abs=1e-4)


def test_goes_on_from_trained_weights(tmp_path: Path, table: list[list[str]]) -> None:
    first = train(tmp_path)
    still = {"epochs": 1, "learning_rate": 1e-12, "weight_decay": 0, "ema": 0, "batch": 4096}
    second = train(tmp_path, "second", start=str(first), **still)
    (card, was), (later, now) = checkpoint.load(first), checkpoint.load(second)
    assert all(_same(a, b) for a, b in zip(was.parameters(), now.parameters(), strict=True))
    assert later.recipe["start_sha256"] == [card.sha256]
    assert later.trained["before"] == [{"epochs": card.epochs, "seed": 1, **card.trained}]


def test_few_faces_of_ones_own_keep_what_the_start_knew_of_itself(
    tmp_path: Path, table: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    first = train(tmp_path)
    card = checkpoint.load_card(first)
    heads = {name: replace(head, uncertain_below=0.321) for name, head in card.heads.items()}
    notes = {"must_not_be_used_for": "decisions", "stored_as": "fp32"}
    checkpoint.save_card(first, replace(card, heads=heads, notes=notes))
    _take_votes(tmp_path / "fer2013new.csv", ("Usage",))
    with caplog.at_level(logging.INFO):
        later = checkpoint.load_card(train(tmp_path, "second", start=str(first), epochs=1, learning_rate=1e-6))
    assert "before training: accuracy" in caplog.text
    assert "the head votes of" in caplog.text
    assert later.notes == {"must_not_be_used_for": "decisions"}
    assert later.heads["labels"].uncertain_below == 0.321
    assert later.figures["validation"]["faces"] == 28


def test_does_not_start_from_what_it_would_replace(tmp_path: Path, table: list[list[str]]) -> None:
    first = train(tmp_path)
    kept = first.read_bytes()
    with pytest.raises(OutputError, match="cannot be where training starts and where it ends"):
        train(tmp_path, start=str(first), overwrite=True)
    assert first.read_bytes() == kept


def test_epochs_are_judged_as_the_card_is_calibrated(tmp_path: Path, table: list[list[str]]) -> None:
    first = train(tmp_path, epochs=12)
    path = train(tmp_path, "second", start=str(first), epochs=2)
    with (path.parent / "epochs.csv").open() as file:
        losses = [float(row["calibrated_loss"]) for row in csv.DictReader(file)]
    assert checkpoint.load_card(path).figures["validation"]["log_loss"] == pytest.approx(min(losses), abs=1e-4)


def test_starts_only_from_weights_of_its_network(tmp_path: Path, table: list[list[str]]) -> None:
    with pytest.raises(ModelError, match="cannot start 'mine': its weights are of 'fervid'"):
        train(tmp_path, start="fervid")


def test_a_teacher_outweighs_wrong_labels(tmp_path: Path, table: list[list[str]]) -> None:
    teacher = train(tmp_path, "teacher", epochs=12)
    wrong = [[str((int(e) + 1) % 7) if usage == "Training" else e, pixels, usage] for e, pixels, usage in table]
    drawn.write(tmp_path / "fer2013.csv", wrong)
    drawn.votes(tmp_path / "fer2013new.csv", wrong)
    taught = {"epochs": 12, "teachers": [str(teacher)]}
    cards = [checkpoint.load_card(train(tmp_path, f"{share}", **taught, teacher_share=share)) for share in (0, 1)]
    alone, led = ([card.figures["validation"], card.figures["votes"]["validation"]] for card in cards)
    assert all(head["accuracy"] < 0.3 for head in alone)
    assert all(head["accuracy"] > 0.7 for head in led)
    assert cards[1].recipe["teachers_sha256"] == [checkpoint.load_card(teacher).sha256]


def test_votes_outweigh_wrong_labels(tmp_path: Path, table: list[list[str]]) -> None:
    wrong = [[str((int(e) + 1) % 7) if usage == "Training" else e, pixels, usage] for e, pixels, usage in table]
    drawn.write(tmp_path / "fer2013.csv", wrong)
    card = checkpoint.load_card(train(tmp_path, epochs=12, votes_share=0.9))
    assert card.figures["validation"]["accuracy"] > 0.7


def test_teachers_answer_together_for_a_face_and_its_mirror(tmp_path: Path, table: list[list[str]]) -> None:
    paths = [str(train(tmp_path, "one", epochs=2)), str(train(tmp_path, "other", epochs=2, seed=2, votes=0))]
    faces = np.random.default_rng(1).integers(0, 256, (400, 24, 24), np.uint8)
    teachers = teaching.open_teachers(paths, "mine", 24)
    done: list[tuple[int, int, int]] = []
    watch, stopping = (lambda *numbers: done.append(numbers)), threading.Event()
    answers = teaching.answers(teachers, faces, watch, stopping)
    assert done == [(0, 1, 2), (0, 2, 2)]
    stopping.set()
    with pytest.raises(Stopped):
        teaching.answers(teachers, faces, watch, stopping)
    one, other = (open_classifier(path, head="labels") for path in paths)
    views = (faces, faces[:, :, ::-1])
    assert answers["labels"].numpy() == pytest.approx(sum(each(view) for each in (one, other) for view in views) / 4)
    voter = open_classifier(paths[0], head="votes")
    assert answers["votes"].numpy() == pytest.approx(sum(map(voter, views)) / 2)


def test_a_teacher_reads_faces_of_the_same_size(tmp_path: Path, table: list[list[str]]) -> None:
    with pytest.raises(ModelError, match="fervid: cannot teach 'mine': it reads faces of 48 pixels, not of 24"):
        train(tmp_path, teachers=["fervid"])


def test_a_sharpness_aware_step_takes_the_gradient_from_uphill() -> None:
    network = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(network.weight, 1.0)
    (network.weight * torch.tensor([[3.0, 4.0]])).sum().backward()
    with optimise.uphill(network, 0.5):
        assert torch.allclose(network.weight, torch.tensor([[1.3, 1.4]]))
        network.weight.grad = None
        (network.weight**2).sum().backward()
    assert torch.equal(network.weight, torch.ones(1, 2))
    assert network.weight.grad is not None
    assert torch.allclose(network.weight.grad, torch.tensor([[2.6, 2.8]]))


def test_without_epochs_it_needs_a_start(tmp_path: Path, table: list[list[str]]) -> None:
    with pytest.raises(
        ConfigError, match="option 'epochs': 0 learns nothing; give 1 or more, or a `start` to calibrate"
    ):
        train(tmp_path, epochs=0)


def test_statistics_are_not_those_of_uphill() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    network(torch.randn(8, 2)).sum().backward()
    before = network[1].running_mean.clone()  # type: ignore[union-attr]
    with optimise.uphill(network, 1.0):
        network(torch.randn(8, 2) + 5)
    assert torch.equal(network[1].running_mean, before)  # type: ignore[arg-type]
    assert network[1].momentum == 0.1


def test_heads_that_differ_have_no_mean(tmp_path: Path, table: list[list[str]]) -> None:
    paths = [str(train(tmp_path, "both", epochs=1)), str(train(tmp_path, "labels", epochs=1, votes=0))]
    with pytest.raises(ModelError, match="learned other heads than"):
        train(tmp_path, start=paths)
    card = checkpoint.load_card(train(tmp_path, start=paths[1], epochs=0))
    assert set(card.heads) == {"labels"}


def test_learns_with_sharpness_aware_steps(tmp_path: Path, table: list[list[str]]) -> None:
    path = train(tmp_path, epochs=12, sharpness=0.05)
    assert checkpoint.load_card(path).figures["validation"]["accuracy"] > 0.7
    kinds = {"all": {"sharpness": 0.05}, "half": {"sharpness": 0.05, "sharpness_share": 0.5}, "plain": {}}
    assert len({digest(train(tmp_path, name, epochs=1, **options)) for name, options in kinds.items()}) == 3


def test_the_mean_of_several_is_calibrated_and_else_as_it_was(tmp_path: Path, table: list[list[str]]) -> None:
    first = train(tmp_path)
    paths = [train(tmp_path, f"{seed}", start=str(first), seed=seed, epochs=1) for seed in (2, 3)]
    mean = train(tmp_path, "mean", start=list(map(str, paths)), epochs=0)
    (card, now), *each = (checkpoint.load(path) for path in (mean, *paths))
    numbers = zip(now.state_dict().values(), *(network.state_dict().values() for _, network in each), strict=True)
    assert all(_same(made, (one + other) / 2) for made, one, other in numbers if made.is_floating_point())
    assert card.recipe["start_sha256"] == [its.sha256 for its, _ in each]
    assert card.epochs == 0
    trainings = [(row["epochs"], row["seed"]) for row in card.trained["before"]]
    assert sorted(trainings) == [(1, 2), (1, 3), (8, 1)]
    assert card.figures["validation"]["faces"] == 28
    assert card.heads["labels"] != each[0][0].heads["labels"]


def _same(a: Any, b: Any) -> bool:
    return bool((a - b).abs().max() < 1e-6)


@pytest.mark.usefixtures("table")
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux lists what its processor knows")
def test_bfloat16_is_left_to_processors_that_know_it(tmp_path: Path) -> None:
    known = {"avx512_bf16", "amx_bf16"} & set(Path("/proc/cpuinfo").read_text().split())
    train(tmp_path, epochs=1, bf16=None, device="cpu")
    assert json.loads((tmp_path / "run" / "mine.json").read_text())["recipe"]["bf16"] == bool(known)
