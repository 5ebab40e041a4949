"""A network that grows says what it said before, and every new part of it can learn."""

from __future__ import annotations

import sys
from pathlib import Path

import grow
import pytest
import torch
from torch import nn

from fervid.models import checkpoint, zoo
from fervid.models.card import Card
from fervid.models.networks import fervid
from fervid.pipeline.errors import ModelError


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, nn.Module]:
    torch.manual_seed(3)
    with monkeypatch.context() as patch:
        patch.setattr(fervid, "STEM", (8, 24))
        patch.setattr(fervid, "BLOCKS", ((24, 1), (40, 2), (40, 1)))
        network = zoo.build("fervid")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        network.train()(torch.randn(32, 1, 48, 48))
        path = tmp_path / "narrow.safetensors"
        about = {
            "figures": {"test": {"accuracy": 0.7}},
            "notes": {"licence_of_data": "for research", "stored_as": "fp32"},
        }
        checkpoint.save(path, network, Card("fervid", 48, 0.5, 0.25, **about))
    return path, network.eval()


@pytest.mark.parametrize(
    ("stem", "blocks"),
    [((16, 32), ((32, 1), (48, 2), (48, 1))), ((8, 24), ((24, 1), (40, 2), (40, 1), (40, 1)))],
    ids=["wider", "deeper"],
)
def test_a_grown_network_says_the_same_until_it_learns(
    tmp_path: Path,
    narrow: tuple[Path, nn.Module],
    stem: tuple[int, int],
    blocks: tuple[tuple[int, int], ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, before = narrow
    monkeypatch.setattr(fervid, "STEM", stem)
    monkeypatch.setattr(fervid, "BLOCKS", blocks)
    monkeypatch.setattr(sys, "argv", ["grow", str(path), str(tmp_path / "wide.safetensors")])
    grow.main()
    narrow_card, (card, after) = checkpoint.load_card(path), checkpoint.load(tmp_path / "wide.safetensors")
    faces = torch.randn(5, 1, 48, 48)
    with torch.no_grad():
        assert torch.allclose(before(faces), after(faces), atol=1e-4)
    assert card.parameters > sum(parameter.numel() for parameter in before.parameters())
    assert (card.figures, card.notes) == (
        {},
        {"licence_of_data": "for research", "grown_from_sha256": narrow_card.sha256},
    )


def test_what_is_new_learns(narrow: tuple[Path, nn.Module]) -> None:
    network = zoo.build("fervid").train()
    grow.grow(network, narrow[1].state_dict())
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    faces = torch.randn(8, 1, 48, 48)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    for _ in range(3):
        optimizer.zero_grad()
        (network(faces).square().sum() + network.votes(network.features(faces)).square().sum()).backward()  # type: ignore[operator]
        optimizer.step()
    still = [(a == b).all() for a, b in zip(before, network.parameters(), strict=True)]
    assert not any(still)


def test_a_wider_network_is_refused(narrow: tuple[Path, nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fervid, "STEM", (8, 16))
    with pytest.raises(ModelError, match=r"stem\.3\.weight is not in Fervid, or narrower there; it can only grow"):
        grow.grow(zoo.build("fervid"), narrow[1].state_dict())
