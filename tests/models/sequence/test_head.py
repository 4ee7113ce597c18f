"""Scores and losses of the dense head agree, with cosines and with a bias."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from penchant.models.sequence.head import EmbeddingTable, ItemHead


@pytest.mark.parametrize("temperature", [None, 0.1])
@pytest.mark.parametrize("biased", [False, True])
def test_loss_is_the_cross_entropy_of_the_scores(temperature: float | None, biased: bool) -> None:
    torch.manual_seed(0)
    embedding, bias = nn.Embedding(9, 4), nn.Embedding(9, 1) if biased else None
    head = ItemHead(embedding, temperature=temperature, bias=bias)
    states, targets = torch.randn(5, 4), torch.tensor([1, 8, 3, 3, 2])
    scores = head.scores(states)
    torch.testing.assert_close(head.loss(states, targets), F.cross_entropy(scores[:, 1:], targets - 1))
    plain = states @ embedding.weight.T if temperature is None else F.cosine_similarity(states[:, None], embedding.weight, dim=-1) / 0.1
    torch.testing.assert_close(scores, plain if bias is None else plain + bias.weight[:, 0])


@pytest.mark.parametrize("unit", [False, True])
def test_some_rows_are_those_of_all(unit: bool) -> None:
    table = EmbeddingTable(nn.Embedding(9, 4), unit=unit, bias=nn.Embedding(9, 1))
    items = torch.tensor([[1, 5], [8, 0]])
    torch.testing.assert_close(table.some(items), table.all()[items])
