"""Write how_good.md anew from the cards of the weights that ship: python docs/how_good.py [RUN].

With the folder of fervid's training, its curves and the pictures of its evaluation are taken over too.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from fervid.models import zoo
from fervid.models.card import Card, load_card

FOLDER = Path(__file__).parent
PAGE = FOLDER / "how_good.md"

ORIGINS = {
    "cnn3": "about 70 % on the test split",
    "scratch_cnn": "65.4 % on the validation split after 81 epochs, 65.2 % after 100",
    "keras_cnn4": "65 to 70 % on validation faces, 70 to 75 % on training faces",
}
"""What is said of each network where it comes from."""

PICTURES = {
    "confusion_test.png": "Confusion matrix of the test split",
    "reliability_test.png": "Reliability diagram of the test split",
    "coverage_validation.png": "Accuracy over coverage on the validation split",
}

CURVES = "curves.png"

SPLITS = ("validation", "test")

HEAD = """# How good is it

Written by `docs/how_good.py` from the cards beside the weights; `fervid models show NAME` prints one. Every figure
of a split was measured through the stage `emotions`, as videos are read, on FER2013's official splits: choices were
made on the validation split (PublicTest), the test split (PrivateTest) was looked at when a network was finished (how
often says `lab/EXPERIMENTS.md`). Each face was read once, by one network, in fp32; what 8-bit integers change, in which
fervid computes where it can, stands at the end of the figures."""


def page() -> str:
    """The whole page."""
    cards = {name: load_card(path) for name, path in sorted(zoo.shipped().items()) if path.suffix == ".safetensors"}
    parts = [HEAD, _overview(cards), "## Beside their origins", _origins(cards), "## The network fervid"]
    parts += [
        _emotions(cards["fervid"]),
        _heads(cards["fervid"]),
        _unreadable(cards["fervid"]),
        _speed(cards["fervid"]),
        _pictures(),
        _notes(cards),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: str, rows: list[list[str]]) -> str:
    columns = head.split(", ")
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _overview(cards: dict[str, Card]) -> str:
    rows = []
    for name, card in cards.items():
        validation, test = card.figures["validation"], card.figures["test"]
        file = zoo.weights(name)
        rows.append(
            [
                name,
                f"{card.parameters:,}",
                f"{file.stat().st_size / 1e6:.1f} MB, {card.notes['stored_as']}",
                _percent(validation["accuracy"]),
                _percent(test["accuracy"]),
                _percent(test["macro_f1"]),
                _percent(test["calibration_error"]),
                _percent(test["accuracy_at_coverage"]["80%"]),
                _effort(card),
            ]
        )
    head = "network, parameters, weights, accuracy validation, accuracy test, macro-F1 test, calibration error test"
    return _table(f"{head}, surest 80 % of test, epochs and time", rows)


def _effort(card: Card) -> str:
    """Epochs and time of all trainings that led there; a mean of weights, which took no epoch, is none."""
    each = [row for row in card.trainings if row["epochs"]]
    many = f" in {len(each)} trainings" if len(each) > 1 else ""
    return f"{sum(row['epochs'] for row in each)}{many}, {sum(row['seconds'] for row in each) / 60:.0f} min"


def _origins(cards: dict[str, Card]) -> str:
    rows = []
    for name, said in ORIGINS.items():
        if name in cards:
            figures = cards[name].figures
            here = [_percent(figures[split]["accuracy"]) for split in ("train", "validation", "test")]
            rows.append([name, said, *here, _percent(figures["test"]["macro_f1"])])
    text = _table("network, its origin says, training faces, validation, test, macro-F1 test", rows)
    return f"""{text}

Each was trained by its recipe in `configs/`; what an origin does not say of its recipe is named there. `deep_elu` has
a recipe and no weights: its origin states no figure, and an epoch takes some 40 minutes on two CPU cores."""


def _emotions(card: Card) -> str:
    rows = [
        [name, str(row["faces"]), *(_percent(row[key]) for key in ("precision", "recall", "f1"))]
        for name, row in card.figures["test"]["emotions"].items()
    ]
    return _table("emotion, faces of the test split, precision, recall, F1", rows)


def _heads(card: Card) -> str:
    return "\n\n".join([_answers(card), _certain(card), _conditions(card)])


def _answers(card: Card) -> str:
    figures = card.figures
    by_label = {"pooled": figures["pooled"], "labels": figures}
    voted = {
        name: [row[split][rule]["accuracy"] for rule in ("ferplus_majority", "ferplus_published") for split in SPLITS]
        for name, row in by_label.items()
    }
    voted["votes"] = [figures["votes"][split]["accuracy"] for split in SPLITS]
    voted["votes"] += [figures["votes"][split]["published"]["accuracy"] for split in SPLITS]
    rows = [
        [name, *(_percent(by_label[name][split]["accuracy"]) if name in by_label else "" for split in SPLITS)]
        + [_percent(share) for share in shares]
        for name, shares in voted.items()
    ]
    table = _table(
        "answer, labels validation, labels test, FER+ plurality validation, FER+ plurality test, "
        "FER+ published validation, FER+ published test",
        rows,
    )
    return f"""The network learned two sets of labels of the same faces, FER2013's and those of FER+'s ten voters, which
agree on two faces out of three. `emotions: {{head: pooled}}`, the default, is one answer out of both, fitted for what
videos show: mostly neutral faces. It calls far fewer neutral people sad, and finds anger and fear that the voters' head
misses; FER2013's own test split rewards neither. `labels` and `votes` are the heads alone.

{table}

FER+'s plurality is what most voters saw, without ties; the published rule drops lone votes and asks for more than half
of the others. Faces of which the voters mostly saw contempt, or nothing, are left out."""


def _certain(card: Card) -> str:
    certain = card.figures["pooled"]["test"]["certain"]
    assert card.pooled
    rights = {name: row["pooled"]["uncertain"]["accuracy"] for name, row in card.figures["conditions"].items()}
    poor = sorted(right for name, right in rights.items() if name != "clean")
    return f"""A face is labelled uncertain below a probability of {_percent(card.pooled.uncertain_below)}: the highest
one for which best guesses below it are right less than two times in five on the validation split, where half of the
faces are as they are and half under the conditions below. So it holds for that mix, and for no condition alone: of
faces as they are {_percent(rights["clean"])} of the best guesses below it are right, under one condition or another
{_percent(poor[0])} to {_percent(poor[-1])}. Of the test split {_percent(certain["share"])} lie above it, and of those
{_percent(certain["accuracy"])} have FER2013's label."""


def _conditions(card: Card) -> str:
    rows = [
        [f"{name}, {answer}", _percent(row["macro_recall"]), _percent(row["recall"]["neutral"])]
        + [_percent(row[key]) for key in ("neutral_shown_as_another", "calibration_error")]
        + [_percent(row["accuracy_at_coverage"]["80%"]), _percent(row["uncertain"]["share"])]
        + [_percent(row["uncertain"]["accuracy"]), *_missed(row["recall"])]
        for name, answers in card.figures["conditions"].items()
        for answer, row in answers.items()
    ]
    table = _table(
        "faces, macro-recall, neutral found, neutral shown as another emotion, calibration error, surest 80 %, "
        "uncertain, their best guess is right, misses most",
        rows,
    )
    return f"""Under conditions made on purpose (`models/conditions.py`), on those faces of the validation split of
which FER2013's label and FER+'s majority agree; calibration error, the surest 80 % and what is uncertain count every
face, once by its label and once by its majority:

{table}"""


def _missed(recall: dict[str, float]) -> list[str]:
    """The two emotions found least."""
    return [", ".join(f"{name} ({_percent(recall[name])})" for name in sorted(recall, key=recall.__getitem__)[:2])]


def _unreadable(card: Card) -> str:
    figures = card.figures["unreadable"]
    shares = ("before", "before_wrong", "named", "wrong")
    rows = [[kind, *(_percent(row[share]) for share in shares)] for kind, row in figures.items()]
    table = _table("faces, above the threshold, wrong, named, wrong", rows)
    count = figures["as they are"]["faces"]
    return f"""What is too dark, too blurred or too small to be read, or poorly detected, is uncertain too, however sure
the network is. So it names {count} faces of the validation split that were spoiled on purpose, in shares of all of
them; those as they are lose a little, as the detector sees them without their surroundings. A face that something
covers is named less often, and often wrongly. `benchmarks/unreadable.py` measures this.

{table}"""


def _speed(card: Card) -> str:
    rows = []
    for file, row in card.figures["speed"].items():
        for answer, parity in card.figures["exports"][file].items():
            before, after = parity["accuracy_before_and_after"]
            rows.append([f"{file}, {answer}", f"{row['ms_per_face']:.2f} ms", f"{100 * (after - before):+.2f} points"])
            rows[-1] += [_percent(parity["agreement"]), f"{parity['largest_difference']:.3f}"]
    table = _table(
        "file and answer, a face on one thread of ONNX Runtime, accuracy by FER2013's labels, same best guess, largest "
        "difference of a probability",
        rows,
    )
    return f"""`emotions: {{precision: auto}}`, the default, computes in 8-bit integers where that is proven: the
export lost at most 0.2 points on the validation split, and the processor at hand answers to four pictures as the one
did on which that was measured. Else, and with `precision: fp32`, it computes in 32-bit floats. Products of the 8-bit
network fit into 16 bits, so that processors without VNNI, which cut off what is more, compute the same (tried with
AVX2, and without it in an emulator; not on ARM). The page beside a CSV says which it was; where results of several
kinds of machines must be alike, ask for `fp32`. Against torch, on the validation split:

{table}"""


def _pictures() -> str:
    pictures = {CURVES: "Loss and accuracy, epoch by epoch", **PICTURES}
    return "\n\n".join(f"![{title}]({name})" for name, title in pictures.items())


def _notes(cards: dict[str, Card]) -> str:
    notes: dict[str, Any] = cards["fervid"].notes
    parts = {
        "What it gets wrong": notes["known_failures"],
        "What it must not be used for": notes["must_not_be_used_for"],
        "The data": f"{notes['licence_of_data']} {notes['duplicates_in_data']}",
    }
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main(run: Path | None) -> None:
    """Write the page, and take over the pictures of a run."""
    if run is not None:
        for name in PICTURES:
            shutil.copyfile(run / "evaluation" / name, FOLDER / name)
        if (run / CURVES).exists():  # the mean of several trainings has none of its own
            shutil.copyfile(run / CURVES, FOLDER / CURVES)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
