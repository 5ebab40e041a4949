"""Pictures of a network's figures; each returns a matplotlib figure that the caller saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fervid.models import calibration
from fervid.pipeline.frame import EMOTIONS
from fervid.pipeline.libraries import out_of_the_folder

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


class Mistake(NamedTuple):
    """A face that was read wrongly, and how sure the network was."""

    confidence: float
    frame: int
    """Its index in the source."""
    label: str
    answer: str
    picture: NDArray[np.uint8]


def confusion(matrix: NDArray[np.int64], title: str) -> Figure:
    """Shares of each label's faces, with counts beneath."""
    figure = _figure(6.6, 5.8)
    axes = figure.subplots()
    shares = matrix / matrix.sum(1, keepdims=True).clip(min=1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in ((r, c) for r in range(len(EMOTIONS)) for c in range(len(EMOTIONS))):
        share = shares[row, column]
        ink = "white" if share > 0.55 else "#222222"
        axes.text(column, row - 0.1, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=10)
        axes.text(column, row + 0.24, f"{matrix[row, column]}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set(title=title, xlabel="Answer", ylabel="Label")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], title: str) -> Figure:
    """How often the network is right where it says that it is right so often."""
    figure = _figure(5, 4.6)
    axes = figure.subplots()
    bins = calibration.reliability(confidence, right)
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=1, label="perfect")
    middles, widths = [(b.low + b.high) / 2 for b in bins], [0.9 * (b.high - b.low) for b in bins]
    axes.bar(middles, [b.accuracy for b in bins], widths, color="#4a86c5", label="measured")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Confidence", ylabel="Accuracy")
    axes.set_title(f"{title}\nexpected calibration error {100 * calibration.calibration_error(bins):.1f} %")
    axes.legend(frameon=False, loc="upper left")
    _plain(axes)
    return figure


def risk_coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_], title: str) -> Figure:
    """The accuracy that remains when the least sure faces go unanswered."""
    figure = _figure(5, 4)
    axes = figure.subplots()
    coverage, accuracy = calibration.accuracy_by_coverage(confidence, right)
    start = min(len(coverage) // 50, len(coverage) - 1)
    axes.plot(100 * coverage[start:], 100 * accuracy[start:], color="#4a86c5")
    axes.set(title=title, xlabel="Faces answered, %", ylabel="Accuracy on them, %", xlim=(0, 100))
    _plain(axes)
    return figure


def contact_sheet(mistakes: Sequence[Mistake], title: str, columns: int = 5) -> Figure:
    """The mistakes that the network was surest of."""
    rows = max(1, -(-len(mistakes) // columns))
    figure = _figure(1.55 * columns, 1.95 * rows + 0.5)
    figure.suptitle(title)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for cell in cells:
        cell.set_axis_off()
    for cell, mistake in zip(cells, mistakes, strict=False):
        cell.imshow(mistake.picture, cmap="gray", vmin=0, vmax=255)
        cell.set_title(f"{mistake.answer} {mistake.confidence:.0%}\nlabel {mistake.label}", fontsize=8)
    return figure


def _figure(width: float, height: float) -> Figure:
    with out_of_the_folder():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
