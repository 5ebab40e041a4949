"""Give weights that exist a pooled answer and its figures: python lab/pool.py WEIGHTS FER2013_CSV FERPLUS_CSV OUT.

Their heads stay as they are calibrated; all is fitted on the validation split and written into the card, with the
figures of each answer on every split. This looks at the test split, so it is for when every choice is made; reports
and pictures lie in OUT.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import ship

from fervid.models import zoo
from fervid.models.card import load_card, save_card
from fervid.models.conditions import CONDITIONS, under
from fervid.models.runtime import open_classifier
from fervid.models.target import TARGET
from fervid.models.training.examples import Examples
from fervid.models.training.finish import truth
from fervid.models.training.pooled import pooled
from fervid.pipeline import Pipeline

log = logging.getLogger(__name__)


def pool(weights: Path, table: Path, votes: Path, out: Path) -> None:
    """Fit the pool of the network's heads and write it, with the figures of each condition, into its card."""
    classify = open_classifier(weights, precision="fp32")
    faces = Examples(classify.card.size)
    for frame in Pipeline.parse(f"stages: [{{fer2013: {{path: '{table}', votes: '{votes}', split: validation}}}}]"):
        if target := frame[TARGET]:
            faces.add(frame, target)
    pictures = faces.images()[:, 0].numpy()
    said = {name: classify.head_logits(under(name, pictures)) for name in CONDITIONS}
    card = load_card(weights)
    answer, conditions = pooled(said, card.heads, {head: truth(head, faces) for head in card.heads})
    save_card(weights, replace(card, pooled=answer))
    figures = {**card.figures, "conditions": conditions}
    for split in ("validation", "test"):
        made = ship.measured(weights, {"path": str(table), "votes": str(votes), "split": split}, out)
        figures |= {split: made[split]} | {name: figures.get(name, {}) | made[name] for name in ("votes", "pooled")}
    save_card(weights, replace(card, pooled=answer, figures=figures))
    for name, rows in conditions.items():
        for head, row in rows.items():
            log.info("%-8s %-7s macro recall %.3f, %s", name, head, row["macro_recall"], row)


def main() -> None:
    """Take weights and tables from the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    name, *rest = sys.argv[1:]
    pool(zoo.weights(name), *map(Path, rest))


if __name__ == "__main__":
    main()
