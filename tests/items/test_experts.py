"""The experts' codes: they begin as a product quantiser, learn from there, and any expert says something of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.items.experts import ExpertQuantiser
from penchant.items.product import ProductQuantiser
from penchant.items.vq import Book

SMALL: dict[str, Any] = {"codebook": 16, "hidden": (32,), "latent": 8, "steps": 80, "learning_rate": 3e-3}


def curve(items: int = 400, width: int = 24, seed: int = 0) -> np.ndarray:
    """Vectors on a curved surface of two dimensions in many."""
    rng = np.random.default_rng(seed)
    place = rng.random((items, 2)) @ np.random.default_rng(9).standard_normal((2, width))
    return np.concatenate([np.sin(3 * place), np.cos(3 * place)], axis=1).astype(np.float32)


def error(quantiser: Any, vectors: np.ndarray) -> float:
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(((rows - quantiser.decode(quantiser.encode(vectors))) ** 2).sum(axis=1).mean())


def test_it_begins_as_a_product_quantiser_and_learns_to_give_unseen_vectors_back_better() -> None:
    vectors, unseen = curve(), curve(100, seed=1)
    barely = ExpertQuantiser(4, **{**SMALL, "latent": 12, "learning_rate": 1e-9}).fit(vectors)
    product = ProductQuantiser(4, 16, rotated=False).fit(vectors)
    learnt = ExpertQuantiser(4, **{**SMALL, "latent": 12}).fit(vectors)
    assert error(barely, unseen) < 1.1 * error(product, unseen)
    assert error(learnt, unseen) < 0.8 * error(barely, unseen)


def test_no_expert_repeats_another() -> None:
    vectors = curve()
    codes = ExpertQuantiser(3, **SMALL).fit(vectors).encode(vectors)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        joint = np.zeros((16, 16))
        np.add.at(joint, (codes[:, one], codes[:, other]), 1 / len(codes))
        alone = joint.sum(axis=1)
        inside = joint > 0
        left = -(joint[inside] * np.log((joint / np.maximum(joint.sum(axis=0), 1e-12))[inside])).sum()
        assert left > 0.1 * -(alone[alone > 0] * np.log(alone[alone > 0])).sum()  # entropy of one code given the other's


def test_a_step_follows_the_gradient_of_the_three_parts_of_the_loss() -> None:
    quantiser = ExpertQuantiser(2, latent=1, hidden=(), commitment=0.25)
    none, zero = torch.zeros(1), torch.zeros(1, 1)
    ways = [tuple(torch.tensor([[x]], requires_grad=True) for x in pair) for pair in ((2.0, 3.0), (-1.0, 1.0))]
    quantiser.encoders = [[(zero, none), (way[0], none)] for way in ways]
    quantiser.decoders = [[(zero, none), (way[1], none)] for way in ways]
    books = [Book(np.array([[1.5], [-4.0]], np.float32)), Book(np.array([[-0.5]], np.float32))]
    loss = quantiser._loss(torch.tensor([[1.0]]), books)  # latents 2 and -1, codes 1.5 and -0.5, given back 4.5 - 0.5
    assert loss.item() == pytest.approx(3.0**2 + 1.25 * 0.5**2 + 1.25 * 0.5**2)
    loss.backward()
    (w, v), (other, _) = ways
    assert w.grad is not None and v.grad is not None and other.grad is not None
    assert v.grad.item() == pytest.approx(2 * 3.0 * 1.5)
    assert w.grad.item() == pytest.approx(2 * 3.0 * 3 + 0.25 * 2 * 0.5)  # through the code as if it were the latent, and commitment
    assert other.grad.item() == pytest.approx(2 * 3.0 * 1 + 0.25 * 2 * -0.5)


def test_torch_is_left_as_it_was_and_does_not_matter() -> None:
    vectors, settings = curve(60), {**SMALL, "steps": 20}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    codes = ExpertQuantiser(2, **settings).fit(vectors).encode(vectors)
    assert torch.equal(torch.rand(3), expected)
    assert not np.array_equal(ExpertQuantiser(2, **settings, seed=1).fit(vectors).encode(vectors), codes)


def test_settings_are_saved(tmp_path: Path) -> None:
    quantiser = ExpertQuantiser(2, **{**SMALL, "steps": 3, "seed": 4}).fit(curve(30))
    quantiser.save(tmp_path / "q")
    again = ExpertQuantiser.load(tmp_path / "q")
    assert (again.hidden, again.latent, again.seed, again.settings) == ((32,), 8, 4, quantiser.settings)


def test_bad_settings_name_value_rule_and_remedy() -> None:
    with pytest.raises(InputError) as caught:
        ExpertQuantiser(steps=0)
    assert str(caught.value) == "steps=0: there must be at least one; pass steps>=1"
