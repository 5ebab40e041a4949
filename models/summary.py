"""Tell on one screen what one wants to know of weights first: how good, how large, how quick, what not to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fervid.models import zoo
from fervid.models.card import Card

WIDTH = 100
COLUMNS = {"accuracy": "accuracy", "macro_f1": "macro-F1", "calibration_error": "calibration error"}
FIRST = ("must_not_be_used_for", "known_failures", "licence_of_data")
"""Notes that nobody should miss."""


def summary(path: Path, card: Card) -> str:
    """Return lines without the recipe, the hashes and all that a person seldom asks for."""
    whole = "\n\n".join([_head(path, card), _table(card), *_notes(card)])
    return "".join(sign for sign in whole if sign.isprintable() or sign == "\n")


def _head(path: Path, card: Card) -> str:
    gain = zoo.gain(card.network)
    count = f", {card.parameters:,} parameters" if card.parameters else ""
    lines = [
        f"{card.network}: {gain}" if gain else card.network,
        f"  file     {path}, {path.stat().st_size / 1e6:.1f} MB",
        f"  reads    a grey face of {card.size} x {card.size} pixels{count}; answers: {', '.join(card.heads)}",
    ]
    if faces := _row(card.data, "train").get("faces"):
        until = str(card.trained.get("finished", ""))[:10]
        lines.append(f"  learned  {_as(faces, ',')} faces, {_epochs(card)}, until {until}")
    if speeds := _row(card.figures, "speed"):
        times = (f"{file} {_as(_row(speeds, file).get('ms_per_face'), '.2f')} ms" for file in speeds)
        lines.append(f"  takes    {', '.join(times)} a face on one thread")
    return "\n".join(lines)


def _epochs(card: Card) -> str:
    each = card.learned
    return f"{sum(each)} epochs" + f" in {len(each)} trainings" * (len(each) > 1)


def _row(table: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of a card, of which only the outermost is checked when it is loaded."""
    part = table.get(name)
    return part if isinstance(part, dict) else {}


def _as(value: Any, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else ""


def _table(card: Card) -> str:
    rows = list(_measured(card.figures, ""))
    if not rows:
        return "  nothing was measured"
    names = ["measured on", *(name for name, _ in rows)]
    columns = [["faces", *(_as(row.get("faces"), ",") for _, row in rows)]]
    for key, heading in COLUMNS.items():
        columns.append([heading, *(_as(row.get(key), ".1%") for _, row in rows)])
    width = max(map(len, names))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for number, name in enumerate(names):
        cells = (column[number].rjust(size) for column, size in zip(columns, widths, strict=True))
        lines.append(f"  {name:<{width}}  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def _measured(figures: dict[str, Any], under: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whatever has an accuracy, named by the way to it."""
    for name, row in figures.items():
        if isinstance(row, dict) and isinstance(row.get("accuracy"), float):
            yield f"{under}{name}", row
        elif isinstance(row, dict):
            yield from _measured(row, f"{under}{name}, ")


def _notes(card: Card) -> Iterator[str]:
    known = [name for name in FIRST if name in card.notes]
    for name in [*known, *(name for name in card.notes if name not in FIRST)]:
        text = f"{name.replace('_', ' ')}: {card.notes[name]}"
        yield textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
