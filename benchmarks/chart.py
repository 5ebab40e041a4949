"""Draw what `measures.py` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Row = Mapping[str, Any]
COLORS = {"fervid": "#1b6ca8", "before": "#8fb8d6", "planes": "#6b8f3c", "overlapped": "#a8bf84", "naive": "#c9c9c9"}
OTHER = "#e0a458"


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Bars of each job, and how fervid's frames a second fall with size and faces, as a picture."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3, width_ratios=(2, 1.2, 1))
    _jobs(left, figures["jobs"])
    grown = figures["growth"]
    cores = int(figures["machine"]["cores"])
    _growth(middle, [row for row in grown if row["over"] == "size"], "height of the picture, pixels", cores)
    _growth(right, [row for row in grown if row["over"] == "faces"], "faces, at 720 pixels", cores)
    middle.legend(frameon=False, fontsize=8)
    if figures["quick"]:
        figure.suptitle("Tried with --quick, not measured: these figures mean nothing")
    figure.savefig(path, dpi=110, pil_kwargs={"optimize": True})


def _jobs(axes: Axes, rows: Sequence[Row]) -> None:
    names = list(rows[0]["ways"])
    high = 0.8 / len(names)
    for number, name in enumerate(names):
        places = [row + (number + 0.5) * high - 0.4 for row in range(len(rows))]
        spreads = [row["ways"][name]["rate"] for row in rows]
        medians = [spread[0] for spread in spreads]
        errors = [[one[0] - one[1] for one in spreads], [one[2] - one[0] for one in spreads]]
        color = COLORS.get(name, OTHER)
        bars = axes.barh(places, medians, high, color=color, label=name, xerr=errors, ecolor="#555555")
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=3)
    axes.set_yticks(range(len(rows)), [f"{row['job']}, {row['height']}p" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("frames a second")
    axes.margins(x=0.12)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _growth(axes: Axes, rows: Sequence[Row], label: str, cores: int) -> None:
    values = [row["value"] for row in rows]
    ours = [row["ways"]["fervid"] for row in rows]
    floor = [1000 * cores / one["cost"][0] for one in ours]
    axes.plot(values, floor, ":", color="#555555", label=f"{cores} perfectly busy cores")
    axes.plot(values, [one["rate"][0] for one in ours], "o-", color=COLORS["fervid"], label="fervid, csv only")
    axes.set_ylim(bottom=0)
    axes.set_xticks(values, list(map(str, values)))
    axes.set_xlabel(label)
    axes.set_ylabel("frames a second")
    axes.spines[["top", "right"]].set_visible(False)
