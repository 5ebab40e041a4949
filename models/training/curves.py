"""See how a training went: a CSV of epochs and their curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fervid.models.training.learner import Epoch, best
from fervid.pipeline import output
from fervid.pipeline.libraries import out_of_the_folder

TABLE, PICTURE = "epochs.csv", "curves.png"


def write(history: Sequence[Epoch], folder: Path) -> None:
    """Write the table and its picture anew."""
    table = io.StringIO()
    rows = csv.DictWriter(table, list(asdict(history[0])))
    rows.writeheader()
    rows.writerows(asdict(epoch) for epoch in history)
    output.write(folder / TABLE, table.getvalue().encode())
    output.write(folder / PICTURE, _picture(history))


def _picture(history: Sequence[Epoch]) -> bytes:
    with out_of_the_folder():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

    figure = Figure((9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    epochs = [row.epoch for row in history]
    loss.plot(epochs, [row.train_loss for row in history], label="training, augmented")
    loss.plot(epochs, [row.validation_loss for row in history], label="validation")
    loss.plot(epochs, [row.calibrated_loss for row in history], label="validation, calibrated")
    loss.set(title="Loss", xlabel="Epoch")
    loss.legend(frameon=False)
    accuracy.plot(epochs, [100 * row.validation_accuracy for row in history], color="C2")
    kept = best(history)
    loss.plot(kept.epoch, kept.calibrated_loss, "o", color="C2")
    accuracy.plot(kept.epoch, 100 * kept.validation_accuracy, "o", color="C2")
    accuracy.annotate(
        f"{100 * kept.validation_accuracy:.1f} %",
        (kept.epoch, 100 * kept.validation_accuracy),
        (0, 6),
        textcoords="offset points",
        ha="center",
    )
    accuracy.set(title="Validation accuracy, %", xlabel="Epoch")
    accuracy.margins(y=0.12)
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def tensorboard(row: Epoch, folder: Path) -> None:
    """Append one epoch for TensorBoard; needs `pip install fervid[tensorboard]`."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard")) as writer:
        for name, value in asdict(row).items():
            if name != "epoch":
                writer.add_scalar(name, value, row.epoch)
