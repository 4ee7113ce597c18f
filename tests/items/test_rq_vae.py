from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.items.collisions import spread_codes
from penchant.items.rq_vae import RQVAE
from penchant.items.vq import Book

SMALL: dict[str, Any] = {"codebook": 16, "hidden": (32,), "latent": 8, "steps": 80, "learning_rate": 3e-3}


def curve(items: int = 400, width: int = 24, seed: int = 0) -> np.ndarray:
    """Vectors on a curved surface of two dimensions in many."""
    rng = np.random.default_rng(seed)
    place = rng.random((items, 2)) @ rng.standard_normal((2, width))
    return np.concatenate([np.sin(3 * place), np.cos(3 * place)], axis=1).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def error(quantiser: RQVAE, vectors: np.ndarray) -> float:
    return float(((unit(vectors) - quantiser.decode(quantiser.encode(vectors))) ** 2).sum(axis=1).mean())


def perplexity(codes: np.ndarray) -> float:
    share = np.bincount(codes) / len(codes)
    return float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))


@pytest.mark.parametrize("kind", [{}, {"ema": 0.9}, {"uniform": True}, {"linear": False, "steps": 300}])
def test_it_learns_to_give_vectors_back_that_it_has_not_seen(kind: dict[str, Any]) -> None:
    vectors = curve()
    learnt = RQVAE(2, **{**SMALL, **kind}).fit(vectors[:300])
    barely = RQVAE(2, **{**SMALL, **kind, "steps": 1}).fit(vectors[:300])
    spread = float(((unit(vectors) - unit(vectors).mean(axis=0)) ** 2).sum(axis=1).mean())
    assert error(learnt, vectors[300:]) < 0.5 * spread
    assert error(learnt, vectors[300:]) < 0.8 * error(barely, vectors[300:])


def test_uniform_uses_the_last_codes_evenly_and_collides_less() -> None:
    vectors = np.concatenate([curve(), curve(items=40, seed=3)])
    plain, even = (RQVAE(2, **{**SMALL, "uniform": uniform}).fit(vectors).encode(vectors) for uniform in (False, True))
    assert perplexity(even[:, 1]) > perplexity(plain[:, 1])
    assert len(np.unique(even, axis=0)) > len(np.unique(plain, axis=0))


def test_torch_is_left_as_it_was_and_does_not_matter() -> None:
    vectors = curve(items=60)
    settings = {**SMALL, "steps": 20}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    codes = RQVAE(2, **settings).fit(vectors).encode(vectors)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(RQVAE(2, **settings).fit(vectors).encode(vectors), codes)
    assert not np.array_equal(RQVAE(2, **settings, seed=1).fit(vectors).encode(vectors), codes)


def test_a_step_follows_the_gradient_of_the_three_parts_of_the_loss() -> None:
    quantiser = RQVAE(1, latent=1, hidden=(), linear=False, commitment=0.25)
    w, v = (torch.tensor([[x]], requires_grad=True) for x in (2.0, 3.0))
    none = torch.zeros(1)
    quantiser.encoder, quantiser.decoder = [(w, none)], [(v, none)]
    book = Book(np.array([[1.5], [-4.0]], np.float32), None)
    book.vectors.requires_grad_()
    loss = quantiser._loss(torch.tensor([[1.0]]), [book])  # latent 2, code 1.5, given back 4.5
    assert loss.item() == pytest.approx(3.5**2 + 1.25 * 0.5**2)
    loss.backward()
    assert v.grad is not None and w.grad is not None and book.vectors.grad is not None
    assert v.grad.item() == pytest.approx(2 * 3.5 * 1.5)
    assert w.grad.item() == pytest.approx(2 * 3.5 * 3 + 0.25 * 2 * 0.5)  # through the code as if it were the latent, and commitment
    assert book.vectors.grad.ravel().tolist() == pytest.approx([-2 * 0.5, 0])


def test_last_distances_lead_to_the_codes_and_spread_them() -> None:
    vectors = curve(items=200)
    quantiser = RQVAE(2, **{**SMALL, "steps": 20}).fit(vectors)
    codes = quantiser.encode(vectors)
    assert np.array_equal(quantiser.last_distances(vectors).argmin(axis=1), codes[:, 1])
    spread = spread_codes(quantiser, vectors)
    assert np.array_equal(spread[:, 0], codes[:, 0])
    room = np.minimum(np.bincount(codes[:, 0], minlength=16), 16).sum()
    assert len(np.unique(spread, axis=0)) == room > len(np.unique(codes, axis=0))


def test_settings_are_saved_and_nothing_is_pickled(tmp_path: Path) -> None:
    quantiser = RQVAE(2, **{**SMALL, "steps": 3, "ema": 0.9, "uniform": True, "seed": 4}).fit(curve(items=30))
    quantiser.save(tmp_path / "q")
    again = RQVAE.load(tmp_path / "q")
    assert again.settings == quantiser.settings
    assert (again.hidden, again.ema, again.uniform, again.seed) == ((32,), 0.9, True, 4)
    assert not list((tmp_path / "q").rglob("*.pkl")) and not list((tmp_path / "q").rglob("*.pt"))


def test_bad_settings_name_value_rule_and_remedy() -> None:
    with pytest.raises(InputError) as caught:
        RQVAE(steps=0)
    assert str(caught.value) == "steps=0: there must be at least one; pass steps>=1"
    bad: list[dict[str, Any]] = [{"codebook": 0}, {"latent": 0}, {"batch": 0}, {"hidden": (0,)}, {"learning_rate": 0.0}]
    bad += [{"commitment": -1.0}, {"ema": 1.0}]
    for settings in bad:
        with pytest.raises(InputError):
            RQVAE(**settings)
