"""An evaluation as Markdown, for people; its JSON holds the same figures."""

from __future__ import annotations

from typing import Any


def markdown(model: str, source: str, weights: dict[str, Any], splits: dict[str, dict[str, Any]]) -> str:
    """Return the report; the pictures lie beside it. `weights` is what the run knows of them."""
    mirrored, views = weights.get("flip"), weights.get("views", 1)
    times = f" in {views} zooms" if views > 1 else "" if mirrored else " once"
    how = f"Each face {'and its mirror image were' if mirrored else 'was'} read{times}"
    which = f"`{weights.get('model', model)}` (SHA-256 {str(weights.get('sha256', 'unknown'))[:12]})"
    what = f"{how}, from {source}, by the head {weights.get('head', 'labels')} of {which}."
    parts = [f"# How well {model} reads faces", what, _overview(splits)]
    for split, figures in splits.items():
        parts += [f"## {split.capitalize()} split"]
        if "emotions" in figures:
            parts += [_emotions(figures["emotions"]), _pictures(split)]
    return "\n\n".join(parts) + "\n"


def _overview(splits: dict[str, dict[str, Any]]) -> str:
    columns = "split, faces, not found, accuracy, macro-F1, calibration error, accuracy on surest 80 %"
    columns += ", not uncertain, accuracy on those, FER+ majority"
    rows = [f"| {columns.replace(', ', ' | ')} |", "|" + " --- |" * 10]
    for split, figures in splits.items():
        surest = figures.get("accuracy_at_coverage", {}).get("80%")
        shares = (figures.get("accuracy"), figures.get("macro_f1"), figures.get("calibration_error"), surest)
        certain = figures.get("certain", {})
        sure = (certain.get("share"), certain.get("accuracy"))
        plus = figures.get("ferplus_majority", {}).get("accuracy")
        cells = [split, str(figures["faces"]), str(figures["not_found"]), *map(_percent, (*shares, *sure, plus))]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _emotions(emotions: dict[str, dict[str, float]]) -> str:
    rows = ["| emotion | faces | precision | recall | F1 |", "| --- | --- | --- | --- | --- |"]
    for name, row in emotions.items():
        shares = " | ".join(_percent(row[key]) for key in ("precision", "recall", "f1"))
        rows.append(f"| {name} | {row['faces']} | {shares} |")
    return "\n".join(rows)


def _pictures(split: str) -> str:
    titles = {
        "confusion": "Confusion matrix",
        "reliability": "Reliability diagram",
        "coverage": "Accuracy when unsure faces go unanswered",
        "mistakes": "Surest mistakes",
    }
    return "\n\n".join(f"![{title}]({name}_{split}.png)" for name, title in titles.items())


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
