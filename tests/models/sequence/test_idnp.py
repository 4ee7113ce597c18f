"""The latent variable: one a row in training, the mean of the context otherwise; its weight rises from zero."""

from __future__ import annotations

import torch

from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.sequence.idnp import IDNP, IDNPSettings


def batch() -> Batch:
    return collate(Histories.of([[3, 4, 5, 6, 7, 8], [7, 1]]))


def network(**changes: float) -> IDNP:
    torch.manual_seed(0)
    settings = {"width": 8, "layers": 1, "latent": 4, "session_len": 2, "max_len": 8, "dropout": 0.0, "beta_steps": 2, **changes}
    return IDNP(9, IDNPSettings.of(settings))


def test_inference_is_certain_and_training_draws() -> None:
    model = network().eval()
    torch.testing.assert_close(model.encode(batch()), model.encode(batch()))
    model.train()
    assert not torch.allclose(model.encode(batch()), model.encode(batch()))


def test_weight_of_the_divergence_rises_from_zero_to_beta() -> None:
    model = network(beta=4.0)
    torch.nn.init.normal_(model.posterior.weight)  # so that the divergence is well above rounding
    shares = []
    for _ in range(4):
        found = model.loss(batch())
        shares.append(((found.total - found.terms["next_item"]) / found.terms["divergence"]).item())
    torch.testing.assert_close(torch.tensor(shares), torch.tensor([2.0, 4.0, 4.0, 4.0]), rtol=1e-3, atol=1e-3)


def test_divergence_is_positive_and_absent_without_a_latent_variable() -> None:
    assert network().loss(batch()).terms["divergence"] > 0
    plain = network(latent=0)
    assert plain.loss(batch()).terms["divergence"] == 0
    torch.testing.assert_close(plain.encode(batch()), plain.encode(batch()))
